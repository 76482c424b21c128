"""What the names of captcha files say: one rule for all names, and never the number of a file.

`7h2k.png`, `7h2k_1.jpg` and `7h2k-a1b2.png` say `7h2k`, and `8-3=_1.png` says `8-3=`: where every
name has a `_`, what stands before it is the text, whatever it is made of.  Names that say the same
everywhere, count the files, or are checksums or times say nothing about the images: refused.
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
    "If a folder is what all images in it are, use hornbook train images."
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
# what tools and people call images of which they do not know the text
_WORDS = """captcha captchas image images img imgs picture pictures pic pics photo dsc screenshot
frame file sample download downloads verify verifycode yzm vcode untitled
图片 验证码 截图 微信图片"""


@dataclass(frozen=True)
class NameRule:
    """How the names of a folder are read.

    Attributes:
        kind: `"before _"`, `"calculation"`, `"whole"` or `"first part"`.
        ends: The characters at which a label ends, if it is a first part.
    """

    kind: str
    ends: str = ""

    def label(self, name: str) -> str:
        """What a name says."""
        stem = stem_of(name)
        if self.kind == "before _":
            return stem.split("_")[0].strip()
        if self.kind == "calculation":
            return _base(stem)
        return re.split(f"[{re.escape(self.ends)}]", stem, maxsplit=1)[0] if self.ends else stem

    def summary(self, names: Sequence[str]) -> str:
        """The rule, the reason, and an example."""
        example = next((name for name in names if self.label(name) != stem_of(name)), names[0])
        said, reason = {
            "before _": ("what stands before '_' in the name", "every name has one"),
            "calculation": ("the name without a number behind it", "'-' is a minus here"),
            "whole": ("the whole name", "nothing in it ends a text"),
            "first part": (
                f"the name up to the first {_listed(self.ends)}",
                "not every name has a '_'",
            ),
        }[self.kind]
        return f"{said} ({reason}), e.g. {example} -> {self.label(example)}"


def stem_of(name: str) -> str:
    """A name without the ending of an image and without what a copy is marked with."""
    path = Path(unicodedata.normalize("NFC", name))
    known = path.suffix.lower() in ENDINGS or path.suffix.lower().startswith((".jp", ".png"))
    return _COPY.sub("", path.stem if known else path.name)


def find_rule(names: Sequence[str]) -> NameRule:
    """The one way to read all names.

    Raises:
        DataError: they can be read in two ways.
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
    """Makes sure that labels that were read from names can be what the images say.

    Args:
        labels: Of each name.
        names: Of the files.
        where: Their folder.

    Raises:
        DataError: they say nothing about the images, with the reason and what to do.
    """
    if len(names) > 2 and (problem := _problem(labels, names)):
        raise DataError(f"{where}: {problem}.{_swapped(names)}\n{ADVICE}")


def _problem(labels: Sequence[str], names: Sequence[str]) -> str | None:
    """Why labels cannot be what the images say."""
    counts = Counter(labels)
    if len(counts) == 1:
        return f"every name says {labels[0]!r} ({names[0]}), so there is nothing to tell apart"
    for word, number in counts.items():
        if number > 2 and word.lower() in _WORDS.split():
            example = names[labels.index(word)]
            return f"{number:,} names say {word!r} ({example}), which is no text"
    example = f"{names[0]} -> {labels[0]}"
    if all(map(split_of, counts)):
        return f"the names say only which split an image is of ({example})"
    if _is_running_number(labels):
        return f"the names count the files ({example})"
    if all(_HEXADECIMAL.fullmatch(label) for label in labels) or all(map(_UUID.match, names)):
        return f"the names are checksums or random ({example})"
    if _are_times(labels):
        return f"the names look like times or long numbers ({example})"
    return None


def _swapped(names: Sequence[str]) -> str:
    """A hint, where the text stands at the end of the name: `0001_7h2k.png`."""
    parts = [re.split("[_-]", stem_of(name)) for name in names]
    texts = [part[-1] for part in parts]
    if not all(len(part) == 2 and 2 < len(part[1]) < 13 for part in parts):
        return ""
    if _problem(texts, names):
        return ""
    first, text = parts[0]
    return (
        f"\nThe text seems to stand at the end: rename {names[0]} to "
        f"{text}_{first}{Path(names[0]).suffix}, and so on."
    )


def _is_running_number(labels: Sequence[str]) -> bool:
    """Whether labels are numbers one after the other, with few left out.

    Short ones may be there twice, as the results of calculations are: `11_1.png`, `12_2.png`.
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
        return False  # many of all texts that there can be
    regular = Counter(steps).most_common(1)[0][1] >= 0.8 * len(steps)
    return density >= 0.5 or (regular and len(steps) > 3)


def _are_times(labels: Sequence[str]) -> bool:
    long_numbers = all(label.isdecimal() and len(label) >= 10 for label in labels)
    return long_numbers and len({label[:2] for label in labels}) == 1 and len(labels) >= 5


def _base(stem: str) -> str:
    return _NUMBERED_COPY.sub("", stem.split("_")[0].strip())


def _dash_ends(firsts: Sequence[str]) -> bool:
    """Whether a label ends at `-`: told by the lengths of the names that have none."""
    sizes = {len(first) for first in firsts if "-" not in first}
    dashed = [first for first in firsts if "-" in first]
    if not sizes:
        return True
    cut = all(len(first.split("-")[0]) in sizes for first in dashed)
    whole = all(len(first) in sizes for first in dashed)
    if cut and whole:
        raise DataError(
            f"The names can be read in two ways: {dashed[0]} says {dashed[0].split('-')[0]!r} or "
            f"{dashed[0]!r}.\n{ADVICE}"
        )
    return not whole


def _listed(ends: str) -> str:
    words = {" ": "blank", "(": "bracket"}
    *named, last = [words.get(end, f"'{end}'") for end in ends] or [""]
    return f"{', '.join(named)} or {last}" if named else last
