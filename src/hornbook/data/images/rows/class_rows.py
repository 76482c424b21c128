"""Rows with an image and a class in each split: the counterpart of `class_folders`."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from hornbook.data.images.class_folders import ClassFolders, find_class_folders
from hornbook.data.images.rows.image_rows import Splits, labeled_images, row_splits
from hornbook.data.images.rows.row_image import ImageFile
from hornbook.data.readers.in_memory_rows import IN_MEMORY, is_in_memory
from hornbook.data.readers.problems import Problems
from hornbook.errors import DataError

ADVICE = 'A row needs "image" and "label".  Nothing was used.'


class ClassRows:
    """The rows of each split.

    Args:
        data: The file or folder, or `IN_MEMORY`.
        places: Rows of each split.

    Attributes:
        splits: `"train"`, `"valid"`, `"test"` -> what messages call its rows.
    """

    part = "split"  # what messages call a split

    def __init__(self, data: Path | str, places: Splits):
        self.data, self.places = data, places
        self.splits: dict[str, Path | str] = {}
        for split in places.of_split:
            first, *others = map(str, places.files(split))
            self.splits[split] = f"{first} and {len(others)} more" if others else first

    def files(self, split: str) -> dict[str, list[ImageFile]]:
        """Returns the images of each class of a split.

        Raises:
            DataError: there are none, or all problems of the rows, by row.
        """
        images: dict[str, list[ImageFile]] = defaultdict(list)
        problems = Problems()
        for source in self.places.files(split):
            for image, label in labeled_images(source, problems, ("label",)):
                images[label].append(image)
        problems.raise_if_any(ADVICE)
        if not images:
            raise DataError(f"{self.data} has no {split} rows.")
        return dict(images)

    def count(self, split: str) -> str:
        """Returns "", since the rows of a split that is not used now are not read."""
        return ""

    def names(self) -> str:
        """Returns the names of the splits."""
        return ", ".join(self.splits)

    def name_of(self, image: ImageFile) -> str:
        """Returns "": the fingerprint of rows covers labels and contents."""
        return ""

    def unused_lines(self) -> list[str]:
        """Returns one line for everything that is not used."""
        return [str(self.places.folder / name) for name in self.places.unused]

    def one_class_hint(self, name: str) -> str:
        """Returns what to do if there is only one class."""
        return "Add rows of another class."


Classes = ClassFolders | ClassRows


def find_classes(data: Any) -> Classes:
    """Finds the images of each class and split.

    Args:
        data: A folder of class folders, see `find_class_folders`; or rows, see `row_splits`.

    Raises:
        DataError: see there.
    """
    places = row_splits(data)
    if places is None:
        return find_class_folders(data)
    return ClassRows(IN_MEMORY if is_in_memory(data) else Path(data), places)
