"""Cleans labels and reports doubtful ones: white space, misspellings, rare labels."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

# invisible, but not white space for Python: byte order mark, zero-width and direction marks
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\u200e\u200f\u180e"
_AROUND = re.compile(rf"^[\s{_INVISIBLE}\0]+|[\s{_INVISIBLE}\0]+$")
HANDFUL = 5  # rows of a rare label
LONGEST = 60  # letters of a label that is checked for misspellings
NEAREST = 5  # candidates for the correct spelling of a label
RARE = 5  # minimum ratio of rows, largest label to rare label
FREQUENT = {3: 10, 4: 4}  # by letters: minimum ratio of rows, label to its misspelling


def trimmed(label: str) -> str:
    """Strips white space, also full-width, no-break and invisible characters."""
    return _AROUND.sub("", label)


class Trimming:
    """Strips the white space around labels, and remembers where there was some."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()  # by the stripped label
        self.first = ("", "", "")  # original label, stripped label, place

    def __call__(self, label: str, where: str) -> str:
        """Returns the stripped label."""
        if (stripped := trimmed(label)) != label:
            self.first = self.first if self.count else (label, stripped, where)
            self.count[stripped] += 1
        return stripped

    def note(self, what: str = "label", folder: str = "") -> str:
        """Describes what was stripped, for the user to check; "" if nothing was.

        Args:
            what: Name of the values, such as `"label"`.
            folder: Folder with a trailing slash; places are relative to it.
        """
        if not self.count:
            return ""
        number = self.count.total()
        named = f"1 {what}" if number == 1 else f"{number:,} {what}s"
        label, stripped, where = self.first
        place = where.removeprefix(folder)
        return f"White space around {named} is ignored: {label!r} is {stripped!r}, {place}"


def doubtful_labels(
    rows: Mapping[str, int], where: Mapping[str, str], unit: str = "row"
) -> list[str]:
    """Returns labels that may be mistakes, one line each, the worst first.

    These are labels that differ from a more frequent one only in letter case, width or white
    space, or in one letter; and labels of a handful of rows if others have many.

    Args:
        rows: Number of rows of each label.
        where: First row of each label, as `file:line`.
        unit: Name of a row.
    """
    by_rows = sorted(rows, key=lambda label: (-rows[label], label))
    same: dict[str, str] = {}
    lines: list[str] = []
    rare: list[str] = []
    most = rows[by_rows[0]] if by_rows else 0
    spellings = _spellings(by_rows)
    for label in by_rows:
        subject = f"{label!r} has {_rows(rows[label], unit)} ({where[label]})"
        other = same.setdefault(_folded(label), label)
        if other != label:
            lines.append(f"{subject}: the same as {other!r} ({_rows(rows[other], unit)})?")
            continue
        candidates = (one for cut in _cuts(label) for one in spellings.get(cut, ()))
        near = [
            one
            for one in candidates
            if rows[one] >= FREQUENT[min(len(one), max(FREQUENT))] * rows[label]
            and _one_letter_apart(label, one)
        ]
        if near:
            other = max(near, key=lambda one: (rows[one], one))
            lines.append(f"{subject}: a misspelling of {other!r} ({_rows(rows[other], unit)})?")
        elif rows[label] <= HANDFUL and most >= RARE * rows[label]:
            rare.append(f"{subject}: too few to learn from, or a mistake?")
    return lines + rare[::-1]


def _spellings(labels: Iterable[str]) -> dict[str, list[str]]:
    """Indexes labels by themselves without one letter: labels one letter apart share a key.

    Args:
        labels: The most frequent first; only `NEAREST` are kept per key.
    """
    spellings: dict[str, list[str]] = {}
    for label in labels:
        if min(FREQUENT) <= len(label) <= LONGEST:
            for cut in _cuts(label):
                near = spellings.setdefault(cut, [])
                if len(near) < NEAREST:
                    near.append(label)
    return spellings


def _cuts(label: str) -> set[str]:
    places = range(len(label) if len(label) <= LONGEST + 1 else 0)
    return {label, *(label[:place] + label[place + 1 :] for place in places)}


def _rows(count: int, unit: str) -> str:
    return f"1 {unit}" if count == 1 else f"{count:,} {unit}s"


def _folded(label: str) -> str:
    """Returns the same key for spellings of a label: `Sci-Fi` and `sci fi`, `1.0` and `1`."""
    folded = unicodedata.normalize("NFKC", label).casefold()
    folded = re.sub(rf"[\s_\-{_INVISIBLE}]+", " ", folded).strip() or label
    if re.fullmatch(r"\d{1,15}\.0+", folded):  # as spreadsheets write whole numbers
        folded = folded.partition(".")[0]
    return folded


def _one_letter_apart(first: str, second: str) -> bool:
    """Whether one letter was deleted, inserted, replaced, or swapped with its neighbor.

    Digits do not count: `class1` and `class2` are two labels.
    """
    if len(first) > len(second):
        first, second = second, first
    if first == second or len(second) - len(first) > 1:
        return False
    start = 0
    while start < len(first) and first[start] == second[start]:
        start += 1
    one, other = first[start:], second[start:]
    if len(first) < len(second):
        return one == other[1:] and not other[0].isdigit()
    if one[1:] == other[1:]:
        return not (one[0].isdigit() or other[0].isdigit())
    return one[:2] == other[1::-1] and one[2:] == other[2:]


def counted(labels: Iterable[tuple[object, str]]) -> tuple[dict[str, int], dict[str, str]]:
    """Counts the rows of each label and finds its first place, from `(label, where)` pairs."""
    rows: Counter[str] = Counter()
    first: dict[str, str] = {}
    for label, where in labels:
        rows[str(label)] += 1
        first.setdefault(str(label), where)
    return dict(rows), first
