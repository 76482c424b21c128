"""Reads labels from captcha file names, with one rule for all names of a folder.

`7h2k.png`, `7h2k_1.jpg` and `7h2k-a1b2.png` mean `7h2k`, and `8-3=_1.png` means `8-3=`: if every
name has a `_`, the label is what precedes it, whatever its characters.  Names that are all equal,
number the files, or are checksums or timestamps carry no labels and are refused.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hornbook.data.images.formats import ENDINGS
from hornbook.data.readers.split_names import split_of
from hornbook.errors import DataError

ADVICE = (
    "Name each image after its text (7h2k.png, 7h2k_1.png), or write the texts into labels.csv "
    "beside them, with the columns file and label.\n"
    "If the folder names are the labels, use hornbook train images."
)
_COPY = re.compile(
    r"\s+\(\d+\)$|\s+-\s+(copy|kopie|copie|副本)(\s+\(\d+\))?$|\s+copy(\s+\d+)?$", re.I
)
_CALCULATION = re.compile(r"\(?\d+\)?([-+*x×÷加减乘除]\(?\d+\)?)+[=＝?？]*", re.I)
_NUMBERED_COPY = re.compile(r"(?<=[=＝?？])[-. (]+\d+\)?$")  # 8-3=-1
_OPERATORS = re.compile(r"[+*x×÷加减乘除=＝]", re.I)
_COUNTED = re.compile(r"(\D*)(\d+)(\D*)")
_HEXADECIMAL = re.compile(r"[0-9a-f]{16,}", re.I)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-", re.I)
# names that tools and people give to images of unknown text
_WORDS = """captcha captchas image images img imgs picture pictures pic pics photo dsc screenshot
frame file sample download downloads verify verifycode yzm vcode untitled
图片 验证码 截图 微信图片"""


@dataclass(frozen=True)
class NameRule:
    """How labels are read from the names of a folder.

    Attributes:
        kind: `"before _"`, `"calculation"`, `"whole"` or `"first part"`.
        ends: Characters that end a label, for `"first part"`.
    """

    kind: str
    ends: str = ""

    def label(self, name: str) -> str:
        """Returns the label of a name."""
        stem = stem_of(name)
        if self.kind == "before _":
            return stem.split("_")[0].strip()
        if self.kind == "calculation":
            return _base(stem)
        return re.split(f"[{re.escape(self.ends)}]", stem, maxsplit=1)[0] if self.ends else stem

    def summary(self, names: Sequence[str]) -> str:
        """Describes the rule, with the reason and an example."""
        example = next((name for name in names if self.label(name) != stem_of(name)), names[0])
        rule, reason = {
            "before _": ("the name up to the first '_'", "every name has one"),
            "calculation": ("the name without a trailing number", "'-' is a minus sign here"),
            "whole": ("the whole name", "no character in it ends a label"),
            "first part": (
                f"the name up to the first {_listed(self.ends)}",
                "not every name has a '_'",
            ),
        }[self.kind]
        return f"{rule} ({reason}), e.g. {example} -> {self.label(example)}"


def stem_of(name: str) -> str:
    """Returns a name without its image suffix and without the mark of a copy."""
    path = Path(unicodedata.normalize("NFC", name))
    known = path.suffix.lower() in ENDINGS or path.suffix.lower().startswith((".jp", ".png"))
    return _COPY.sub("", path.stem if known else path.name)


def find_rule(names: Sequence[str]) -> NameRule:
    """Finds the one rule that reads all names.

    Raises:
        DataError: the names are ambiguous.
    """
    stems = [stem_of(name) for name in names]
    if all("_" in stem for stem in stems):
        return NameRule("before _")
    bases = [_base(stem) for stem in stems]
    is_calculation = all(_CALCULATION.fullmatch(base) for base in bases)
    if is_calculation and any(_OPERATORS.search(base) for base in bases):
        return NameRule("calculation")
    ends = "".join(end for end in "_. (" if any(end in stem for stem in stems))
    firsts = [NameRule("first part", ends).label(stem) for stem in stems] if ends else stems
    if any("-" in first for first in firsts) and _dash_ends(firsts):
        ends += "-"
    return NameRule("first part", ends) if ends else NameRule("whole")


def check_labels(labels: Sequence[str], names: Sequence[str], where: str) -> None:
    """Checks that labels read from file names can be the texts of the images.

    Args:
        labels: The label of each name.
        names: File names.
        where: Their folder.

    Raises:
        DataError: they cannot be, with the reason and what to do.
    """
    if len(names) > 2 and (problem := _problem(labels, names)):
        raise DataError(f"{where}: {problem}.{_swapped(names)}\n{ADVICE}")


def _problem(labels: Sequence[str], names: Sequence[str]) -> str | None:
    """Returns why labels cannot be the texts of the images; None if they can."""
    counts = Counter(labels)
    if len(counts) == 1:
        return (
            f"every name gives the label {labels[0]!r} ({names[0]}), so there is nothing to learn"
        )
    for word, number in counts.items():
        if number > 2 and word.lower() in _WORDS.split():
            example = names[labels.index(word)]
            return f"{number:,} names give the label {word!r} ({example}), which is not a text"
    example = f"{names[0]} -> {labels[0]}"
    if all(map(split_of, counts)):
        return f"the names only tell the split of an image ({example})"
    if _is_running_number(labels):
        return f"the names only number the files ({example})"
    if all(_HEXADECIMAL.fullmatch(label) for label in labels) or all(map(_UUID.match, names)):
        return f"the names are checksums or random strings ({example})"
    if _are_times(labels):
        return f"the names look like timestamps or long numbers ({example})"
    return None


def _swapped(names: Sequence[str]) -> str:
    """Returns a hint if the text seems to be at the end of the name: `0001_7h2k.png`."""
    parts = [re.split("[_-]", stem_of(name)) for name in names]
    texts = [part[-1] for part in parts]
    if not all(len(part) == 2 and 2 < len(part[1]) < 13 for part in parts):
        return ""
    if _problem(texts, names):
        return ""
    first, text = parts[0]
    return (
        f"\nThe text seems to be at the end: rename {names[0]} to "
        f"{text}_{first}{Path(names[0]).suffix}, and so on."
    )


def _is_running_number(labels: Sequence[str]) -> bool:
    """Whether labels are consecutive numbers, with few gaps.

    Short numbers may repeat, as results of calculations do: `11_1.png`, `12_2.png`.
    """
    distinct = sorted(set(labels))
    if len(distinct) < len(labels):
        long_numbers = all(one.isdecimal() and len(one) > 2 for one in distinct)
        if not long_numbers or len(distinct) < 5:
            return False
    parts = [_COUNTED.fullmatch(label) for label in distinct]
    if not all(parts):
        return False
    if len({(part[1], part[3]) for part in parts if part}) > 1:
        return False
    prefix = parts[0][1].strip().lower() if parts[0] else ""
    if prefix in _WORDS.split():
        return True
    widths = {len(part[2]) for part in parts if part}
    numbers = sorted(int(part[2][:18]) for part in parts if part)
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    span = numbers[-1] - numbers[0] + 1
    density = len(numbers) / span
    if len(widths) == 1 and span >= 0.9 * 10 ** min(widths) and density < 0.95:
        return False  # most of all possible texts, not a count
    regular = Counter(steps).most_common(1)[0][1] >= 0.8 * len(steps)
    return density >= 0.5 or (regular and len(steps) > 3)


def _are_times(labels: Sequence[str]) -> bool:
    long_numbers = all(label.isdecimal() and len(label) >= 10 for label in labels)
    return long_numbers and len({label[:2] for label in labels}) == 1 and len(labels) >= 5


def _base(stem: str) -> str:
    return _NUMBERED_COPY.sub("", stem.split("_")[0].strip())


def _dash_ends(firsts: Sequence[str]) -> bool:
    """Whether a label ends at `-`, judged by the lengths of the names without one."""
    sizes = {len(first) for first in firsts if "-" not in first}
    dashed = [first for first in firsts if "-" in first]
    if not sizes:
        return True
    cut = all(len(first.split("-")[0]) in sizes for first in dashed)
    whole = all(len(first) in sizes for first in dashed)
    if cut and whole:
        raise DataError(
            f"The names are ambiguous: {dashed[0]} could mean {dashed[0].split('-')[0]!r} or "
            f"{dashed[0]!r}.\n{ADVICE}"
        )
    return not whole


def _listed(ends: str) -> str:
    words = {" ": "blank", "(": "bracket"}
    *named, last = [words.get(end, f"'{end}'") for end in ends] or [""]
    return f"{', '.join(named)} or {last}" if named else last
