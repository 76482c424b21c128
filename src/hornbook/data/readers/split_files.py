"""Finds the data files of each split in a folder, and the files that are not used.

Splits are files (`train.jsonl`, `dev.csv`, `test.jsonl.gz`) or folders of files
(`train/part-1.jsonl`); `hornbook.data.readers.split_names` decides what a name means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hornbook.data.readers.row_files import JSON_SUFFIXES, TABLE_SUFFIXES, suffix_of
from hornbook.data.readers.split_names import SPLITS, TRAIN, splits_in
from hornbook.errors import DataError
from hornbook.files import MANIFEST

_SHARD = re.compile(r"-\d{5}-of-\d{5}(?=\.)")  # of a file in parts, as the Hugging Face Hub has it
_NO_DATA = ("readme", "license", "licence", "citation", "changelog", "thumbs", "desktop")


@dataclass(frozen=True)
class SplitFiles:
    """The data files of a folder.

    Attributes:
        folder: The folder.
        of_split: Files of each split that has any.
        unused: Files and folders of no split, with the reason if there is one.
    """

    folder: Path
    of_split: dict[str, list[Path]] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    def files(self, split: str) -> list[Path]:
        """Returns the files of a split, [] if there are none.

        Raises:
            DataError: there are several that are not parts in one folder, nor parts of one file
                (`train-00000-of-00002.jsonl`), such as `valid.jsonl` and `dev.jsonl`.
        """
        files = self.of_split.get(split, [])
        beside = {_SHARD.sub("", path.name) for path in files if path.parent == self.folder}
        if len({path.parent for path in files}) > 1 or len(beside) > 1:
            names = ", ".join(_inside(self.folder, path) for path in files)
            raise DataError(
                f"{self.folder} has more than one {split} file: {names}.\n"
                "Keep one of them: move the others away, or merge them into one file."
            )
        return files

    @property
    def names(self) -> list[str]:
        """The names of everything in the folder."""
        files = [path for paths in self.of_split.values() for path in paths]
        return [_inside(self.folder, path) for path in files] + self.unused


def split_files(path: str | Path, suffixes: Sequence[str] = ()) -> SplitFiles:
    """Finds the files of each split in a folder; a file is training data.

    Args:
        path: The folder or file.
        suffixes: Those of data files, besides those of JSON and tables.

    Raises:
        DataError: no such file or folder.
    """
    path = Path(path)
    if path.is_file():
        return SplitFiles(path.parent, {TRAIN: [path]})
    if not path.is_dir():
        raise DataError(f"There is no file or folder {path}.")
    inside = [one for one in sorted(path.iterdir()) if not _is_no_data(one)]
    rows = [one for one in inside if is_row_file(one, suffixes)]
    folders = [one for one in inside if one.is_dir()]
    parts = {
        folder: [one for one in sorted(folder.iterdir()) if is_row_file(one, suffixes)]
        for folder in folders
    }
    files_of: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for group in (rows, folders):
        for split, names in splits_in(one.name for one in group).items():
            for name in names:
                files_of[split] += parts.get(path / name, [path / name])
    used = {one for files in files_of.values() for one in files}
    unused = [
        _named(one) for one in inside if one not in used and not used & set(parts.get(one, []))
    ]
    return SplitFiles(path, {split: files for split, files in files_of.items() if files}, unused)


def missing(path: Path | str, names: Sequence[str], what: str, expected: str) -> DataError:
    """Returns the error for a folder without data of a split.

    Args:
        path: The folder.
        names: Its contents.
        what: The missing data, such as `"training data"`.
        expected: What was expected.
    """
    shown = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
    return DataError(
        f"{path} has no {what}.\n" + (f"It holds {shown}\n" if names else "") + expected
    )


def is_row_file(path: Path, suffixes: Sequence[str] = ()) -> bool:
    """Whether rows can be read from a file of this kind."""
    return (
        suffix_of(path) in (*JSON_SUFFIXES, *TABLE_SUFFIXES, *suffixes)
        and path.is_file()
        and not _is_no_data(path)
    )


def _is_no_data(path: Path) -> bool:
    """Whether a file accompanies data: a manifest, `.DS_Store`, `~$open.xlsx`, `README.md`."""
    name = path.name.lower()
    return (
        path.name == MANIFEST
        or name.startswith((".", "~$", "__macosx"))
        or name.split(".")[0] in _NO_DATA
        or name.endswith((".md", ".py", ".ipynb"))
    )


def _named(path: Path) -> str:
    if path.is_dir():
        return f"{path.name}/"
    return path.name if is_row_file(path) else f"{path.name} (unsupported kind)"


def _inside(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()
