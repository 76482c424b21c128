"""Where the images of each class lie: class folders, in one set or below folders of the splits.

    DATA/CLASS/*.jpg
    DATA/train/CLASS/*.jpg, DATA/valid/CLASS/*.jpg, DATA/test/CLASS/*.jpg

The folders of the splits may have any name that says so (`Training`, `TEST_SET`, `val`).  A folder
of that name that holds images and no folders is a class, if there are others beside it: `train`
beside `bus`.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hornbook.data.images.formats import (
    ENDINGS,
    folders_in,
    look_for_images,
    loose_files_in,
    passed_over,
)
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.split_names import splits_in
from hornbook.errors import DataError

EXPECTED = "Expected DATA/CLASS/*.jpg, or DATA/train/CLASS/*.jpg and DATA/valid/CLASS/*.jpg."


@dataclass
class ClassFolders:
    """The files of a data folder.

    Attributes:
        data: The folder.
        splits: `"train"`, `"valid"`, `"test"` -> folder of class folders; `data` itself is
            `"train"` where it holds classes.
        unused: What is there and belongs to no class, one line each.
        passed_over: Ending -> files that are no images.
    """

    data: Path
    splits: dict[str, Path]
    unused: list[str] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)

    def files(self, split: str) -> dict[str, list[Path]]:
        """The images of each class of a split.

        Raises:
            DataError: there are no classes, one is empty, or two have the same name but for case.
        """
        folder = self.splits[split]
        others = [path for path in self.splits.values() if path.parent == folder]
        classes = [path for path in folders_in(folder) if path not in others]
        loose = [path for path in loose_files_in(folder) if path.suffix.lower() in ENDINGS]
        if not classes:
            raise DataError(
                f"{folder} holds no folder for a class"
                + (f", but images lie in it: {len(loose):,}" if loose else "")
                + f".\nPut the images of each class into a folder of its own: "
                f"{folder}/CLASS/*.jpg."
            )
        if loose:
            self.unused.append(f"{folder}: {_images(len(loose))} beside the class folders")
        return self._files_of(classes)

    def count(self, split: str) -> str:
        """`10 images in 2 classes`, for a split that is not read now."""
        folders = folders_in(self.splits[split])
        number = sum(len(look_for_images(folder).paths) for folder in folders)
        return f"{_images(number)} in {len(folders):,} classes"

    def names(self) -> str:
        """What the folders of the splits are called."""
        return ", ".join(path.name for path in self.splits.values())

    def name_of(self, path: Path) -> str:
        """`CLASS/1.jpg`: the same wherever the class folders lie."""
        roots = sorted(self.splits.values(), key=lambda root: -len(root.parts))
        return next(
            path.relative_to(root).as_posix() for root in roots if path.is_relative_to(root)
        )

    def unused_lines(self) -> list[str]:
        """All that is there and not used."""
        lines = [*self.unused]
        if self.passed_over:
            lines.append(passed_over(self.passed_over))
        return lines

    def _files_of(self, classes: Iterable[Path]) -> dict[str, list[Path]]:
        problems = Problems()
        seen: dict[str, str] = {}
        files = {}
        for path in classes:
            same = unicodedata.normalize("NFC", path.name).casefold()
            if same in seen:
                problems.add(str(path), f"the same name as {seen[same]!r} but for its case")
            seen[same] = path.name
            inside = splits_in(one.name for one in folders_in(path))
            if len(inside) > 1:
                names = " and ".join(name for found in inside.values() for name in found)
                problems.add(str(path), f"holds {names}: splits belong above the classes")
                continue
            found = look_for_images(path)
            files[path.name] = found.paths
            if not found.paths:
                instead = f" ({found.summary()})" if found.passed_over else ""
                problems.add(str(path), f"no image in this class{instead}")
            self.passed_over += found.passed_over
        problems.raise_if_any("Fill, rename or remove these folders: each one is a class.")
        return files


def find_class_folders(data: str | Path) -> ClassFolders:
    """Finds out which folders are splits and which are classes.

    Raises:
        DataError: no such folder, two folders of one split, or folders named after splits that
            hold images without classes.
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
    splits = {split: found for split, found in nested.items() if found}
    if not splits:
        if named and sum(map(len, named.values())) == len(folders):
            names = ", ".join(folder.name for folder in folders)
            raise DataError(
                f"{data} holds only folders that are named after splits ({names}), and they hold "
                f"no folders of classes.\n{EXPECTED}"
            )
        return ClassFolders(data, {"train": data})
    for split, found in splits.items():
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise DataError(f"{data} has more than one {split} folder: {names}.\nLeave one.")
    chosen = {split: found[0] for split, found in splits.items()}
    others = [folder for folder in folders if folder not in chosen.values()]
    if "train" not in chosen and others:  # classes, and beside them a folder to test on
        return ClassFolders(data, {"train": data, **chosen})
    return ClassFolders(data, chosen, _beside(data, others))


def _beside(data: Path, others: Iterable[Path]) -> list[str]:
    lines = [
        f"{folder}: {_images(len(look_for_images(folder).paths))}; its name is no split's"
        if splits_in([folder.name]) == {}
        else f"{folder}: {_images(len(look_for_images(folder).paths))} without class folders"
        for folder in others
    ]
    loose = sum(path.suffix.lower() in ENDINGS for path in loose_files_in(data))
    return [*lines, *([f"{data}: {_images(loose)} beside the folders"] if loose else [])]


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number:,} images"
