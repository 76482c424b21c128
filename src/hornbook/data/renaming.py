"""Files renamed after what they say: nothing is written over, and all of it can be undone.

The list of what will be done is on the disk before the first file is renamed, so that even a kill
in the middle can be undone: a file that was not renamed yet is left as it is.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hornbook.data.tables import read_table
from hornbook.errors import DataError
from hornbook.files import atomic_file

COLUMNS = ("old", "new")


@dataclass(frozen=True)
class Renaming:
    """One file.

    Attributes:
        old, new: Its names, both in one folder.
    """

    old: Path
    new: Path


def named_after(proposals: Iterable[tuple[Path, str]]) -> list[Renaming]:
    """New names: the text, and behind `_` the old name, so that none is lost.

    A name that is taken gets a number.  A text that cannot stand in a name of a file, or in which
    `_`, `-`, a dot, a blank or a bracket would end the label, gives no renaming.
    """
    taken: set[Path] = set()
    renamings = []
    for path, text in proposals:
        if not text.isalnum():
            continue
        number = 1
        while True:
            counted = "" if number == 1 else f"-{number}"
            new = path.with_name(f"{text}_{path.stem}{counted}{path.suffix}")
            if new not in taken and not os.path.lexists(new):
                break
            number += 1
        taken.add(new)
        renamings.append(Renaming(path, new))
    return renamings


def rename(renamings: Sequence[Renaming], undo_file: Path) -> int:
    """Renames, after `undo_file` has been written, and returns how many files have a new name.

    Raises:
        HornbookError: the folder cannot be written to.
    """
    if undo_file.exists():
        raise DataError(f"{undo_file} exists already; move it away or undo it first.")
    with atomic_file(undo_file, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((one.old.resolve(), one.new.resolve()) for one in renamings)
    return sum(_moved(one.old, one.new) for one in renamings)


def undo(undo_file: Path) -> tuple[int, int]:
    """Gives the files of `undo_file` their old names again.

    Returns:
        How many were renamed, and how many could not be: gone, or the old name is taken.

    Raises:
        DataError: it is not such a file.
    """
    rows = [row for _, row in read_table(undo_file, columns=COLUMNS)]
    pairs = [(Path(row["old"]), Path(row["new"])) for row in rows]
    never = [old for old, new in pairs if old.exists() and not new.exists()]  # killed before
    done = sum(_moved(new, old) for old, new in pairs if old not in never)
    return done, len(pairs) - len(never) - done


def _moved(source: Path, target: Path) -> bool:
    """Renames without ever writing over: a link is refused where a name is taken."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        return False
    except FileNotFoundError:
        return False
    except OSError:  # a file system without links
        if os.path.lexists(target):
            return False
        os.rename(source, target)
        return True
    os.unlink(source)
    return True
