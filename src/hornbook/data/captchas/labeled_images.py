"""Labeled captchas: their splits, and the alphabet of their labels.

Labels come from label files or file names, see `sources`, or from rows, see `captcha_rows`.
Folders whose names mean `train`, `valid` and `test` are the splits; without `valid`, a tenth is
held out: the same one in every call with the same seed, with byte-identical images on one side.
Other folders are sets of their own, trained on together and measured separately.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hornbook.data.captchas.captcha_rows import Captchas, find_captchas
from hornbook.data.captchas.file_names import find_rule
from hornbook.data.captchas.sources import Captcha
from hornbook.data.images.decoding import digest_of
from hornbook.data.images.rows.row_image import ImageFile
from hornbook.data.readers.problems import Problems
from hornbook.errors import DataError, OptionError, did_you_mean

TABLES = ("labels.csv", "labels.tsv")
NAMED_SETS = {
    "digits": "0123456789",
    "lower": "abcdefghijklmnopqrstuvwxyz",
    "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
}


def label_of(path: Path) -> str:
    """Returns the label of a file name, without knowledge of the names beside it."""
    return find_rule([path.name]).label(path.name)


def read_captchas(path: Any, split: str | None = None, *, seed: int = 0) -> list[Captcha]:
    """Reads the labels of a folder or of rows, without decoding an image.

    Args:
        path: A folder, a table of labels, or rows.
        split: `"train"`, `"valid"` or `"test"`.  Defaults to all images but those of `"test"`.
        seed: Seed of the split, if there is no validation folder.

    Raises:
        DataError: no image, or all problems of the labels.
    """
    folder = find_captchas(path)
    if split is None:
        return [*folder.captchas("train"), *folder.captchas("valid")]
    return side_of(folder, split, seed=seed)


def side_of(folder: Captchas, split: str, *, seed: int) -> list[Captcha]:
    """Returns the captchas of one split, which is held out if the folder has no own one.

    Raises:
        DataError: no such split, or no two different images.
    """
    if split in folder.splits and (split != "train" or "valid" in folder.splits):
        return folder.captchas(split)
    if split == "test" or "train" not in folder.splits:
        raise DataError(f"{folder.path} holds no {split} images, only {folder.names()}.")
    return train_and_valid(folder, seed=seed)[split == "valid"]


def train_and_valid(folder: Captchas, *, seed: int) -> tuple[list[Captcha], list[Captcha]]:
    """Returns the captchas of both splits of a folder with training images, read once.

    Raises:
        DataError: no two images differ, so none can be held out.
    """
    if "valid" in folder.splits:
        return folder.captchas("train"), folder.captchas("valid")
    sides = split_off(folder.captchas("train"), seed=seed)
    if not all(sides):
        raise DataError(
            f"{folder.path} has no two images that differ, so none can be held out for "
            "validation.\nLabel some more, or make two splits of them, train and valid."
        )
    return sides


def leaked(train: Iterable[Captcha], valid: Iterable[Captcha]) -> list[ImageFile]:
    """Returns the validation images that are in the training set too, byte for byte."""
    contents = {_content(captcha) for captcha in train}
    return [captcha.path for captcha in valid if _content(captcha) in contents]


def split_off(
    captchas: Sequence[Captcha], *, seed: int = 0, fraction: float = 0.1
) -> tuple[list[Captcha], list[Captcha]]:
    """Splits each set into training and validation captchas, by a hash of the file contents.

    Byte-identical images are on one side.
    """
    contents = [_content(captcha) for captcha in captchas]
    order: dict[str, set[str]] = defaultdict(set)
    for captcha, content in zip(captchas, contents, strict=True):
        order[captcha.set_name].add(hashlib.sha256(f"{seed}\0{content}".encode()).hexdigest())
    valid: set[str] = set()
    for keys in order.values():
        least = 1 if len(keys) > 1 else 0
        valid.update(sorted(keys)[: max(least, round(len(keys) * fraction))])
    sides: tuple[list[Captcha], list[Captcha]] = ([], [])
    for captcha, content in zip(captchas, contents, strict=True):
        key = hashlib.sha256(f"{seed}\0{content}".encode()).hexdigest()
        sides[key in valid].append(captcha)
    return sides


def _content(captcha: Captcha) -> str:
    """Returns a SHA-256 of the image; of its place if it cannot be read, and is left out later."""
    try:
        return digest_of(captcha.path)
    except DataError:
        return hashlib.sha256(str(captcha.path).encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Alphabet:
    """The characters and lengths of the labels of a data set.

    Attributes:
        characters: Sorted, without repetition.
        shortest, longest: Minimum and maximum length of a label.
        ignore_case: Whether labels are lowercased.
    """

    characters: str
    shortest: int
    longest: int
    ignore_case: bool

    @property
    def length(self) -> str:
        """The lengths, in words."""
        if self.shortest == self.longest:
            return f"always {self.longest}"
        return f"{self.shortest} to {self.longest}"

    @property
    def case(self) -> str:
        """How upper and lower case are treated, in words."""
        if self.ignore_case:
            return "ignored"
        swapped = set(self.characters.swapcase()) & set(self.characters)
        letters = {one for one in swapped if one.swapcase() != one}
        return "distinguished" if letters else "each letter has only one case"

    def text(self, label: str) -> str:
        """Returns a label as it is trained on."""
        return label.lower() if self.ignore_case else label


def find_alphabet(
    captchas: Sequence[Captcha],
    *,
    length: str = "auto",
    characters: str = "auto",
    case: str = "auto",
) -> Alphabet:
    """Returns the alphabet of the labels, checked against the options.

    Args:
        captchas: The labeled images.
        length: `"auto"`, or the number of characters that every label must have.
        characters: `"auto"`, or all characters that may occur, or names of sets joined with `+`:
            `"digits"`, `"lower"`, `"upper"`.
        case: `"auto"` or `"kept"` for labels as they are, `"ignored"` for lowercase.

    Raises:
        DataError: lists the files whose labels do not fit, and what to do.
    """
    ignore_case = case == "ignored"
    labels = [c.label.lower() if ignore_case else c.label for c in captchas]
    problems = Problems()
    if length != "auto":
        for captcha, label in zip(captchas, labels, strict=True):
            if len(label) != int(length):
                problems.add(str(captcha.path), f"{label!r} has {len(label)} characters")
        counts = ", ".join(f"{n} x {size}" for size, n in sorted(Counter(map(len, labels)).items()))
        problems.raise_if_any(
            f"--length {length} needs labels of {length} characters; there are {counts} "
            "(labels x characters).\nRename these files, or omit --length."
        )
    known = None if characters == "auto" else characters_of(characters)
    if known is not None:
        for captcha, label in zip(captchas, labels, strict=True):
            if other := sorted(set(label) - set(known)):
                problems.add(str(captcha.path), f"{label!r} has {''.join(other)!r}")
        problems.raise_if_any(
            f"--characters {characters} allows only {known}.\nExtend it, or omit it."
        )
    occurring = "".join(sorted(set("".join(labels))))
    if len(set(labels)) == 1:
        raise DataError(f"Every image has the label {labels[0]!r}: there is nothing to learn.")
    lengths = list(map(len, labels))
    return Alphabet(known or occurring, min(lengths), max(lengths), ignore_case)


def characters_of(words: str) -> str:
    """Returns the characters of `"digits+lower"`, or of a list of characters, sorted."""
    parts = words.split("+")
    if set(parts) <= set(NAMED_SETS):
        words = "".join(NAMED_SETS[part] for part in parts)
    elif words.isalpha() and len(set(words)) < len(words):  # a misspelled name, it seems
        raise OptionError(
            f"characters is {words!r}, with a letter twice. {did_you_mean(words, NAMED_SETS)}"
        )
    return "".join(sorted(set(words)))


def fingerprint(captchas: Iterable[Captcha]) -> str:
    """Returns a SHA-256 of labels and images, to recognize the same data."""
    digest = hashlib.sha256()
    for captcha in captchas:
        digest.update(f"{captcha.label}\0{captcha.set_name}\0".encode("utf-8", "surrogatepass"))
        digest.update(bytes.fromhex(_content(captcha)))
    return digest.hexdigest()


def write_labels(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Writes a `labels.csv` of `(file, label)`."""
    from hornbook.files import atomic_file

    with atomic_file(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "label"])
        writer.writerows(rows)
