"""Renames files after their labels: never overwrites, and can always be undone.

The list of renamings is on disk before the first file is renamed, so that even a kill midway can be
undone: a file not yet renamed stays as it is, and one that a kill left with both names loses one of
them in the next call.  Names in the list are relative to the folder, and nothing outside of it is
touched.  A symbolic link is renamed itself, not its target.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from hornbook.data.readers.header_tables import read_table
from hornbook.data.readers.problems import Problems
from hornbook.errors import DataError
from hornbook.files import atomic_file

COLUMNS = ("old", "new")
UNDO_FILES = "undo-*.csv"
SIGNS = "+-=×÷"  # of calculations; if every name has a `_`, they are part of the label


@dataclass(frozen=True)
class Renaming:
    """The renaming of one file.

    Attributes:
        old, new: Its paths, both in the same folder.
    """

    old: Path
    new: Path


def named_after(proposals: Iterable[tuple[Path, str]]) -> list[Renaming]:
    """Returns new names: the text, `_`, and the old name, so that it is not lost.

    A name that is taken gets a number.  A text that cannot be part of a file name, or in which `_`,
    a dot, a blank or a bracket would end the label, gives no renaming.
    """
    new_names: set[Path] = set()
    renamings = []
    for path, text in proposals:
        if not text or not all(one.isalnum() or one in SIGNS for one in text):
            continue
        number = 1
        while True:
            counted = "" if number == 1 else f"-{number}"
            new = path.with_name(f"{text}_{path.stem}{counted}{path.suffix}")
            if new not in new_names and not os.path.lexists(new):
                break
            number += 1
        new_names.add(new)
        renamings.append(Renaming(path, new))
    return renamings


def rename(renamings: Sequence[Renaming], undo_file: Path) -> int:
    """Writes `undo_file`, renames the files, and returns how many were renamed.

    Args:
        renamings: Files in the folder of `undo_file` or below it.
        undo_file: A new file.

    Raises:
        HornbookError: the folder is not writable, or a file lies outside of it.
    """
    if undo_file.exists():
        raise DataError(f"{undo_file} exists already; move it away or undo it first.")
    folder = undo_file.parent
    for parent in {one.old.parent for one in renamings}:
        if not is_inside(parent / "x", folder):
            raise DataError(f"{parent} is not in {folder}, so nothing in it is renamed.")
    with atomic_file(undo_file, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((_name(one.old, folder), _name(one.new, folder)) for one in renamings)
    done = 0
    for one in renamings:
        try:
            done += _moved(one.old, one.new)
        except OSError as error:
            raise DataError(
                f"{one.old} cannot be renamed: {error.strerror}.\n{done:,} files have a new name; "
                f"--undo {undo_file} takes them back."
            ) from None
    return done


def undo(undo_file: Path, folder: Path | None = None) -> tuple[int, int]:
    """Restores the old names of the files in `undo_file`.

    Args:
        undo_file: Written by `rename`.
        folder: The folder its names are relative to.  Defaults to the folder of `undo_file`.

    Returns:
        How many files were restored, and how many could not be: missing, or the old name is taken.

    Raises:
        DataError: it is not an undo file, or names a file outside of the folder; nothing was
            renamed.
    """
    done = failed = 0
    for one in _read(undo_file, folder or undo_file.parent):
        if _is_half(one):
            os.unlink(one.new)
            done += 1
        elif os.path.lexists(one.new):
            moved = _moved(one.new, one.old)
            done += moved
            failed += not moved
        elif not os.path.lexists(one.old):
            failed += 1
    return done, failed


def mend(folder: Path) -> set[Path]:
    """Completes renamings that a kill interrupted: a file with both names keeps the new one.

    Returns:
        The files that earlier calls renamed, according to the undo files in the folder.
    """
    named = set()
    for undo_file in sorted(folder.glob(UNDO_FILES)):
        try:
            renamings = _read(undo_file, folder)
        except DataError:
            continue  # not an undo file, or a damaged one
        for one in renamings:
            if _is_half(one):
                os.unlink(one.old)
            if os.path.lexists(one.new):
                named.add(one.new)
    return named


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a file lies in a folder, not behind a link that leads out of it."""
    return path.parent.resolve().is_relative_to(folder.resolve())


def _name(path: Path, folder: Path) -> str:
    """Returns the path relative to a folder, without following links."""
    if any("\udc80" <= one <= "\udcff" for one in path.name):
        raise DataError(f"{str(path)!r} has a name that is not UTF-8; rename it by hand first.")
    return PurePath(os.path.relpath(path, folder)).as_posix()


def _read(undo_file: Path, folder: Path) -> list[Renaming]:
    """Reads the renamings of an undo file, all of them inside the folder."""
    problems = Problems()
    renamings = []
    inside: dict[Path, bool] = {}
    bases = (folder.absolute(), folder.resolve())
    for line, row in read_table(undo_file, columns=COLUMNS):
        one = Renaming(*(_below(row[column], folder, bases) for column in COLUMNS))
        names = {one.old.name, one.new.name}
        if one.old.parent != one.new.parent or {"", ".", ".."} & {*names, *_steps(row)}:
            problems.add(f"{undo_file}:{line}", "old and new are not names in one folder")
        elif not _known(inside, one.old.parent, folder):
            problems.add(f"{undo_file}:{line}", f"{row['old']} is not in {folder}")
        else:
            renamings.append(one)
    problems.raise_if_any("Nothing was renamed.  Was this file edited, or is FOLDER another one?")
    return renamings


def _known(inside: dict[Path, bool], parent: Path, folder: Path) -> bool:
    if parent not in inside:
        inside[parent] = is_inside(parent / "x", folder)
    return inside[parent]


def _below(name: str, folder: Path, bases: Iterable[Path]) -> Path:
    """Returns a name of an undo file as a path; older versions wrote absolute ones."""
    if PurePath(name).is_absolute():
        for base in bases:
            if PurePath(name).is_relative_to(base):
                return folder / PurePath(name).relative_to(base)
    return folder / name


def _steps(row: dict[str, str]) -> set[str]:
    return {part for column in COLUMNS for part in row[column].replace("\\", "/").split("/")} - {""}


def _is_half(one: Renaming) -> bool:
    """Whether a kill came between link and unlink, so that one file has both names."""
    try:
        return os.path.samestat(os.lstat(one.old), os.lstat(one.new)) and one.old != one.new
    except OSError:
        return False


def _moved(source: Path, target: Path) -> bool:
    """Renames without overwriting: creating a link fails if the name is taken.

    Raises:
        OSError: renaming is not permitted.
    """
    if os.name == "nt":  # where renaming fails if the name is taken
        try:
            os.rename(source, target)
        except (FileExistsError, FileNotFoundError):
            return False
        return True
    try:
        os.link(source, target, follow_symlinks=False)
    except (FileExistsError, FileNotFoundError):
        return False
    except (OSError, NotImplementedError):  # a file system without hard links
        if os.path.lexists(target):
            return False
        os.rename(source, target)
        return True
    os.unlink(source)
    return True
