"""Labelled captchas: pictures whose file names begin with what they say, or a table of labels.

`7h2k.png`, `7h2k_1.jpg` and `7h2k-a1b2.png` all say `7h2k`.  A `labels.csv` (or `.tsv`) in the
folder, with the columns `file` and `label`, goes first where there is one.  Folders `train` and
`valid` are the two splits; without them a tenth of the pictures is set aside: the same one in
every call with the same seed, and pictures that are the same, byte for byte, on one side.  Other
folders in the folder are sets of their own, learned together and measured each by itself.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hornbook.data.picture_files import find_pictures
from hornbook.data.problems import Problems
from hornbook.data.tables import read_table
from hornbook.errors import DataError, OptionError, did_you_mean

SPLITS = ("train", "valid")
TABLES = ("labels.csv", "labels.tsv")
NAMED_SETS = {
    "digits": "0123456789",
    "lower": "abcdefghijklmnopqrstuvwxyz",
    "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
}


@dataclass(frozen=True)
class Captcha:
    """A picture and what it says.

    Attributes:
        path: Its file.
        label: What it says.
        set_name: The folder it belongs to, where several are learned together; else "".
    """

    path: Path
    label: str
    set_name: str = ""


def label_of(path: Path) -> str:
    """What the name of a file says: all before the first `_`, `-`, `.`, blank or bracket."""
    return re.split(r"[_\-. (]", path.name, maxsplit=1)[0]


def read_captchas(path: str | Path, split: str | None = None, *, seed: int = 0) -> list[Captcha]:
    """Reads the labels of a folder, without opening a picture.

    Args:
        path: A folder, or a table of labels.
        split: `"train"`, `"valid"`, or None for all.
        seed: Of the split, where there are no two folders.

    Raises:
        DataError: nothing to read was found, or all that is wrong with the labels.
    """
    path = Path(path)
    if has_splits(path):
        names = SPLITS if split is None else (split,)
        return [captcha for name in names for captcha in _all(path / name)]
    found = _all(path)
    if split is None:
        return found
    sides = split_off(found, seed=seed)
    if not all(sides):
        raise DataError(
            f"{path} has no two pictures that differ, so none can be set aside for validation.\n"
            "Label some more, or make two folders, train and valid, in it."
        )
    return sides[SPLITS.index(split)]


def has_splits(path: str | Path) -> bool:
    """Whether a folder says itself which pictures are for validation."""
    return all((Path(path) / name).is_dir() for name in SPLITS)


def split_off(
    captchas: Sequence[Captcha], *, seed: int = 0, fraction: float = 0.1
) -> tuple[list[Captcha], list[Captcha]]:
    """Training and validation captchas, of each set the same share, by what is in the files.

    Pictures that are the same byte for byte are on one side.
    """
    contents = [hashlib.sha256(captcha.path.read_bytes()).hexdigest() for captcha in captchas]
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


def _all(path: Path) -> list[Captcha]:
    """The captchas of a folder and of the folders in it, each of which is a set."""
    if path.is_file():
        return _of_table(path)
    found = []
    for file in find_pictures(path):
        parts = file.relative_to(path).parts
        set_name = parts[0] if len(parts) > 1 else ""
        found.append(Captcha(file, label_of(file), set_name))
    tables = [path / name for name in TABLES if (path / name).is_file()]
    if tables:
        return _of_table(tables[0])
    if len({captcha.set_name for captcha in found}) == 1:  # one set needs no name
        found = [replace(captcha, set_name="") for captcha in found]
    problems = Problems()
    for captcha in found:
        if not captcha.label:
            problems.add(str(captcha.path), "its name says no text")
    problems.raise_if_any(
        "A name begins with what the picture says: 7h2k.png, 7h2k_1.png, or a labels.csv names it."
    )
    return found


def _of_table(table: Path) -> list[Captcha]:
    """What a table with the columns `file` and `label` says of the pictures beside it."""
    problems = Problems()
    found: dict[Path, Captcha] = {}
    for line, row in read_table(table, columns=("file", "label")):
        file = table.parent / row["file"].strip()
        label = row["label"].strip()
        where = f"{table}:{line}"
        if not label:
            problems.add(where, "the label is empty")
        elif file in found and found[file].label != label:
            problems.add(where, f"{row['file']} is there twice, as {found[file].label} and {label}")
        elif not file.is_file():
            problems.add(where, f"there is no file {file}")
        else:
            parts = Path(row["file"].strip()).parts
            found[file] = Captcha(file, label, parts[0] if len(parts) > 1 else "")
    problems.raise_if_any()
    if not found:
        raise DataError(f"{table} names no picture.")
    return list(found.values())


@dataclass(frozen=True)
class Alphabet:
    """What the labels of a data set are made of.

    Attributes:
        characters: Each once, sorted.
        shortest, longest: Lengths of labels.
        ignore_case: Whether labels are taken in lower case.
    """

    characters: str
    shortest: int
    longest: int
    ignore_case: bool

    @property
    def length(self) -> str:
        """The lengths in words."""
        if self.shortest == self.longest:
            return f"always {self.longest}"
        return f"{self.shortest} to {self.longest}"

    @property
    def case(self) -> str:
        """What becomes of upper and lower case, in words."""
        if self.ignore_case:
            return "ignored"
        swapped = set(self.characters.swapcase()) & set(self.characters)
        letters = {one for one in swapped if one.swapcase() != one}
        return "told apart" if letters else "only one of each letter there"

    def text(self, label: str) -> str:
        """A label as it is learned."""
        return label.lower() if self.ignore_case else label


def find_alphabet(
    captchas: Sequence[Captcha],
    *,
    length: str = "auto",
    characters: str = "auto",
    case: str = "auto",
) -> Alphabet:
    """What the labels are made of, checked against what was asked for.

    Args:
        length: `"auto"`, or the number of characters that every label must have.
        characters: `"auto"`; or all that may occur, also by name: `"digits"`, `"lower"`,
            `"upper"`, joined with `+`.
        case: `"auto"` and `"kept"`: as the labels are; `"ignored"`: all in lower case.

    Raises:
        DataError: listing the files whose labels do not fit, and what to do about them.
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
            "(labels x characters).\nRename these files, or leave the length out."
        )
    known = None if characters == "auto" else characters_of(characters)
    if known is not None:
        for captcha, label in zip(captchas, labels, strict=True):
            if other := sorted(set(label) - set(known)):
                problems.add(str(captcha.path), f"{label!r} has {''.join(other)!r}")
        problems.raise_if_any(
            f"--characters {characters} knows only {known}.\nAdd to it, or leave it out."
        )
    used = "".join(sorted(set("".join(labels))))
    if len(used) == 1 and known is None and len(set(labels)) == 1:
        raise DataError(f"Every picture says {labels[0]!r}: there is nothing to tell apart.")
    lengths = list(map(len, labels))
    return Alphabet(known or used, min(lengths), max(lengths), ignore_case)


def characters_of(words: str) -> str:
    """The characters that `"digits+lower"`, or a list of them, stands for; each once, sorted."""
    parts = words.split("+")
    if set(parts) <= set(NAMED_SETS):
        words = "".join(NAMED_SETS[part] for part in parts)
    elif words.isalpha() and len(set(words)) < len(words):  # a misspelt name, it seems
        raise OptionError(
            f"characters is {words!r}, with a letter twice. {did_you_mean(words, NAMED_SETS)}"
        )
    return "".join(sorted(set(words)))


def fingerprint(captchas: Iterable[Captcha]) -> str:
    """A SHA-256 over labels and pictures, to know the same data again."""
    digest = hashlib.sha256()
    for captcha in captchas:
        digest.update(f"{captcha.label}\0{captcha.set_name}\0".encode("utf-8", "surrogatepass"))
        digest.update(hashlib.sha256(captcha.path.read_bytes()).digest())
    return digest.hexdigest()


def write_labels(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Writes a `labels.csv` of `(file, label)`."""
    from hornbook.files import atomic_file

    with atomic_file(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "label"])
        writer.writerows(rows)
