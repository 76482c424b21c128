"""Rows with an image and its text in each split: the counterpart of a folder, see `sources`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hornbook.data.captchas.sources import Captcha, CaptchaFolder, read_captcha_folder
from hornbook.data.images.rows.image_rows import PARQUET, Splits, labeled_images, row_splits
from hornbook.data.readers.in_memory_rows import IN_MEMORY, is_in_memory
from hornbook.data.readers.problems import Problems

LABEL_KEYS = ("label", "text")
ADVICE = 'A row needs "image" and "label", which is a text.  Nothing was used.'


class CaptchaRows:
    """The rows of each split.

    Args:
        path: The file or folder, or `IN_MEMORY`.
        places: Rows of each split.

    Attributes:
        splits: `"train"`, `"valid"`, `"test"` -> files, or rows in memory.
    """

    def __init__(self, path: Path | str, places: Splits):
        self.path, self.places = path, places
        self.splits = {split: places.files(split) for split in places.of_split}
        self._captchas: dict[str, list[Captcha]] = {}

    def captchas(self, split: str) -> list[Captcha]:
        """Returns the labeled images of a split, in order, read once; [] if there is no such split.

        Raises:
            DataError: all problems of the rows, by row.
        """
        if split not in self._captchas:
            problems = Problems()
            captchas = [
                Captcha(image, label)
                for source in self.splits.get(split, ())
                for image, label in labeled_images(source, problems, LABEL_KEYS, numbers=False)
            ]
            problems.raise_if_any(ADVICE)
            self._captchas[split] = captchas
        return self._captchas[split]

    def names(self) -> str:
        """Returns the names of the splits."""
        return " and ".join(self.splits)

    def lines(self) -> list[str]:
        """Describes where labels come from and what is not used."""
        train = ", ".join(map(str, self.splits.get("train", ())))
        return [
            *([f"Labels      of {train}"] if train else []),
            *(["Test        in the test split"] if {"train", "test"} <= set(self.splits) else []),
            *(f"Not used    {self.places.folder / name}" for name in self.places.unused),
        ]


Captchas = CaptchaFolder | CaptchaRows


def find_captchas(data: Any) -> Captchas:
    """Finds labeled images and their splits.

    Args:
        data: A folder or a label file, see `read_captcha_folder`; or rows in memory or in Parquet
            files, see `row_splits`.

    Raises:
        DataError: see there.
    """
    places = row_splits(data, PARQUET)
    if places is None:
        return read_captcha_folder(data)
    return CaptchaRows(IN_MEMORY if is_in_memory(data) else Path(data), places)
