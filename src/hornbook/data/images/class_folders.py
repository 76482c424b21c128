"""Finds class folders: in the data folder itself, or inside a folder for each split.

    DATA/CLASS/*.jpg
    DATA/train/CLASS/*.jpg, DATA/valid/CLASS/*.jpg, DATA/test/CLASS/*.jpg

Split folders may have any name that means a split (`Training`, `TEST_SET`, `val`).  A folder with
such a name that holds images and no subfolders is a class if it has siblings: `train` beside `bus`.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from hornbook.data.images.formats import (
    ENDINGS,
    folders_in,
    look_for_images,
    loose_files_in,
    passed_over,
)
from hornbook.data.images.rows.row_image import ImageFile
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.split_names import splits_in
from hornbook.errors import DataError

EXPECTED = (
    "Expected DATA/CLASS/*.jpg, or DATA/train/CLASS/*.jpg and DATA/valid/CLASS/*.jpg, or a file of "
    "rows (Parquet, JSON lines, CSV)."
)


@dataclass
class ClassFolders:
    """The files of a data folder.

    Attributes:
        data: The folder.
        splits: `"train"`, `"valid"`, `"test"` -> folder of class folders; `data` itself is
            `"train"` where it holds classes.
        unused: Files and folders that belong to no class, one line each.
        passed_over: Suffix -> number of files that are not images.
    """

    part: ClassVar[str] = "folder"  # what messages call a split

    data: Path
    splits: dict[str, Path]
    unused: list[str] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)

    def files(self, split: str) -> dict[str, list[ImageFile]]:
        """Returns the images of each class of a split.

        Raises:
            DataError: there are no classes, one is empty, or two names differ only in case.
        """
        folder = self.splits[split]
        others = [path for path in self.splits.values() if path.parent == folder]
        classes = [path for path in folders_in(folder) if path not in others]
        loose = [path for path in loose_files_in(folder) if path.suffix.lower() in ENDINGS]
        if not classes:
            raise DataError(
                f"{folder} has no class folders"
                + (f", but {_images(len(loose))} directly in it" if loose else "")
                + f".\nPut the images of each class in a folder of their own: {folder}/CLASS/*.jpg."
            )
        if loose:
            self.unused.append(f"{folder}: {_images(len(loose))} beside the class folders")
        return self._files_of(classes)

    def count(self, split: str) -> str:
        """Returns `10 images in 2 classes`, for a split that is not read now."""
        folders = folders_in(self.splits[split])
        number = sum(len(look_for_images(folder).paths) for folder in folders)
        return f"{_images(number)} in {len(folders):,} classes"

    def names(self) -> str:
        """Returns the names of the split folders."""
        return ", ".join(path.name for path in self.splits.values())

    def one_class_hint(self, name: str) -> str:
        """Returns what to do if there is only one class."""
        folder = self.splits["train"] / name
        if below := folders_in(folder):
            names = ", ".join(path.name for path in below[:5])
            return f"Did you mean {folder}?  It has folders: {names}."
        return "Add a folder with images of another class."

    def name_of(self, path: ImageFile) -> str:
        """Returns `CLASS/1.jpg`, the same for every location of the class folders."""
        assert isinstance(path, Path)
        roots = sorted(self.splits.values(), key=lambda root: -len(root.parts))
        return next(
            path.relative_to(root).as_posix() for root in roots if path.is_relative_to(root)
        )

    def unused_lines(self) -> list[str]:
        """Returns one line for everything in the folder that is not used."""
        lines = [*self.unused]
        if self.passed_over:
            lines.append(passed_over(self.passed_over))
        return lines

    def _files_of(self, classes: Iterable[Path]) -> dict[str, list[ImageFile]]:
        problems = Problems()
        seen: dict[str, str] = {}
        files: dict[str, list[ImageFile]] = {}
        for path in classes:
            same = unicodedata.normalize("NFC", path.name).casefold()
            if same in seen:
                problems.add(str(path), f"its name differs from {seen[same]!r} only in case")
            seen[same] = path.name
            inside = splits_in(one.name for one in folders_in(path))
            if len(inside) > 1:
                names = " and ".join(name for group in inside.values() for name in group)
                problems.add(str(path), f"holds {names}: splits belong above the classes")
                continue
            images = look_for_images(path)
            files[path.name] = list(images.paths)
            if not images.paths:
                instead = f" ({images.summary()})" if images.passed_over else ""
                problems.add(str(path), f"no image in this class{instead}")
            self.passed_over += images.passed_over
        problems.raise_if_any("Fill, rename or remove these folders: each is read as a class.")
        return files


def find_class_folders(data: str | Path) -> ClassFolders:
    """Decides which folders are splits and which are classes.

    Raises:
        DataError: no such folder, two folders for one split, or split folders without class
            folders in them.
    """
    data = Path(data)
    if not data.is_dir():
        raise DataError(f"There is no folder {data}.\n{EXPECTED}")
    folders = folders_in(data)
    named = splits_in(folder.name for folder in folders)
    nested = {
        split: [data / name for name in names if folders_in(data / name)]
        for split, names in named.items()
    }
    splits = {split: candidates for split, candidates in nested.items() if candidates}
    if not splits:
        if named and sum(map(len, named.values())) == len(folders):
            names = ", ".join(folder.name for folder in folders)
            raise DataError(
                f"{data} holds only folders named after splits ({names}), without class folders "
                f"in them.\n{EXPECTED}"
            )
        return ClassFolders(data, {"train": data})
    for split, candidates in splits.items():
        if len(candidates) > 1:
            names = ", ".join(path.name for path in candidates)
            raise DataError(f"{data} has more than one {split} folder: {names}.\nKeep one.")
    chosen = {split: candidates[0] for split, candidates in splits.items()}
    others = [folder for folder in folders if folder not in chosen.values()]
    if "train" not in chosen and others:  # classes, with a test folder beside them
        return ClassFolders(data, {"train": data, **chosen})
    return ClassFolders(data, chosen, _beside(data, others))


def _beside(data: Path, others: Iterable[Path]) -> list[str]:
    lines = [
        f"{folder}: {_images(len(look_for_images(folder).paths))}; its name means no split"
        if splits_in([folder.name]) == {}
        else f"{folder}: {_images(len(look_for_images(folder).paths))} without class folders"
        for folder in others
    ]
    loose = sum(path.suffix.lower() in ENDINGS for path in loose_files_in(data))
    return [*lines, *([f"{data}: {_images(loose)} beside the folders"] if loose else [])]


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number:,} images"
