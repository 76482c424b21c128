"""Labels as people type them: white space around them, misspellings, labels of a few rows."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

# no white space for Python, and invisible: byte order mark, zero-width characters, direction marks
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\u200e\u200f\u180e"
_AROUND = re.compile(rf"^[\s{_INVISIBLE}\0]+|[\s{_INVISIBLE}\0]+$")
HANDFUL = 5  # rows
LONGEST = 60  # letters of a label that others may be a misspelling of
NEAREST = 5  # labels that one may be a misspelling of
RARE = 5  # times as many rows that the largest label has
FREQUENT = {3: 10, 4: 4}  # by letters: times as many rows as a misspelling of it has


def trimmed(label: str) -> str:
    """A label without white space around it: also full-width, no-break and invisible ones."""
    return _AROUND.sub("", label)


class Trimming:
    """Takes the white space around labels off, and remembers where there was some."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()  # by the label without white space
        self.first = ("", "", "")  # as it stood there, as it counts, where

    def __call__(self, label: str, where: str) -> str:
        """The label as it counts."""
        if (kept := trimmed(label)) != label:
            self.first = self.first if self.count else (label, kept, where)
            self.count[kept] += 1
        return kept

    def note(self, what: str = "label", folder: str = "") -> str:
        """What was done, for the person to check; "" when nothing was.

        Args:
            what: Had the white space.
            folder: With its last slash; places are said as seen from there.
        """
        if not self.count:
            return ""
        number = self.count.total()
        named = f"1 {what}" if number == 1 else f"{number:,} {what}s"
        label, kept, where = self.first
        place = where.removeprefix(folder)
        return f"White space around {named} is ignored: {label!r} is {kept!r}, {place}"


def doubtful_labels(
    rows: Mapping[str, int], where: Mapping[str, str], unit: str = "row"
) -> list[str]:
    """Labels that are perhaps a mistake, one line each, the worst first.

    These are labels that differ from one with more rows in letter case, width or white space
    only, or in one letter; and labels of a handful of rows where others have many.

    Args:
        rows: How many have each label.
        where: The first row with it, as `file:line`.
        unit: What a row is called.
    """
    by_rows = sorted(rows, key=lambda label: (-rows[label], label))
    same: dict[str, str] = {}
    lines: list[str] = []
    rare: list[str] = []
    most = rows[by_rows[0]] if by_rows else 0
    spellings = _spellings(by_rows)
    for label in by_rows:
        found = f"{label!r} has {_rows(rows[label], unit)} ({where[label]})"
        other = same.setdefault(_folded(label), label)
        if other != label:
            lines.append(f"{found}: the same as {other!r} ({_rows(rows[other], unit)})?")
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
            lines.append(f"{found}: a misspelling of {other!r} ({_rows(rows[other], unit)})?")
        elif rows[label] <= HANDFUL and most >= RARE * rows[label]:
            rare.append(f"{found}: too few to learn from, or a mistake?")
    return lines + rare[::-1]


def _spellings(labels: Iterable[str]) -> dict[str, list[str]]:
    """Labels by what is left of them without one letter: those one letter apart share some.

    Args:
        labels: The most frequent first; of those that share a spelling only `NEAREST` are kept.
    """
    found: dict[str, list[str]] = {}
    for label in labels:
        if min(FREQUENT) <= len(label) <= LONGEST:
            for cut in _cuts(label):
                near = found.setdefault(cut, [])
                if len(near) < NEAREST:
                    near.append(label)
    return found


def _cuts(label: str) -> set[str]:
    places = range(len(label) if len(label) <= LONGEST + 1 else 0)
    return {label, *(label[:place] + label[place + 1 :] for place in places)}


def _rows(count: int, unit: str) -> str:
    return f"1 {unit}" if count == 1 else f"{count:,} {unit}s"


def _folded(label: str) -> str:
    """What two spellings of one label have in common: `Sci-Fi` and `sci fi`, `1.0` and `1`."""
    folded = unicodedata.normalize("NFKC", label).casefold()
    folded = re.sub(rf"[\s_\-{_INVISIBLE}]+", " ", folded).strip() or label
    if re.fullmatch(r"\d{1,15}\.0+", folded):  # what a spreadsheet makes of a whole number
        folded = folded.partition(".")[0]
    return folded


def _one_letter_apart(first: str, second: str) -> bool:
    """Whether one letter was left out, put in, changed, or swapped with its neighbour.

    A digit is no letter: `class1` and `class2` are two labels.
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
    """Rows of each label and its first place, from `(label, where)` of every row."""
    rows: Counter[str] = Counter()
    first: dict[str, str] = {}
    for label, where in labels:
        rows[str(label)] += 1
        first.setdefault(str(label), where)
    return dict(rows), first
