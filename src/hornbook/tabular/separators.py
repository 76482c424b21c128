"""The sign between the cells of a line: named, found out, or said by Excel's `sep=` line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from hornbook.errors import OptionError

# None: blanks, any number of them.  What is found out first comes first: of two signs that are in
# as many lines a tab or a bar is the separator, and the comma is in an item.
SEPARATORS = {"tab": "\t", "pipe": "|", "semicolon": ";", "comma": ",", "space": None}
_SIGNS = [sign for sign in SEPARATORS.values() if sign is not None]
_SEP_LINE = re.compile(r'\ufeff?"?sep=(.|\\t)"?[ ;,]*[\r\n]*', re.IGNORECASE)
_QUOTED = re.compile(r'"[^"\n]*"')


def sign_of(separator: str) -> str | None:
    """The sign between items; None for blanks.

    Args:
        separator: A name, or the sign itself.

    Raises:
        OptionError: it is neither.
    """
    if separator.lower() in SEPARATORS:
        return SEPARATORS[separator.lower()]
    if separator == " ":
        return None
    separator = "\t" if separator == "\\t" else separator
    if len(separator) == 1 and separator not in '"\r\n':
        return separator
    raise OptionError(
        f"Unknown separator {separator!r}.  Known: {', '.join(SEPARATORS)}, or any one character."
    )


def name_of_sign(sign: str | None) -> str:
    """What to call a separator in a message."""
    return next((name for name, known in SEPARATORS.items() if known == sign), repr(sign))


def sep_line(line: str) -> str | None:
    """The sign that the first line of a file names for Excel, as in `sep=;`; None: it does not."""
    match = _SEP_LINE.fullmatch(line)
    if match is None:
        return None
    return "\t" if match[1] == "\\t" else match[1]


def find_separator(lines: Iterable[str]) -> str | None:
    """The sign that most lines use outside of quotes; blanks (None) only when there is no other."""
    used = Counter(dict.fromkeys(_SIGNS, 0))
    for line in lines:
        bare = _QUOTED.sub("", line)
        used.update(sign for sign in _SIGNS if sign in bare)
    best = max(_SIGNS, key=lambda sign: used[sign])
    return best if used[best] else None


def rival_of(sign: str | None, lines: Sequence[str]) -> str | None:
    """Another sign that is in most lines beside the separator, and might be it."""
    bare = [_QUOTED.sub("", line) for line in lines]
    most = [s for s in _SIGNS if s != sign and sum(s in line for line in bare) * 2 > len(bare)]
    return most[0] if most and sign is not None else None


def find_table_separator(header: str, columns: Sequence[str] = ()) -> str | None:
    """The sign between the cells of a header line; blanks (None) when there is no other.

    Args:
        header: The line.
        columns: Names that must be in it: the sign that finds all of them is right.
    """
    bare = _QUOTED.sub("", header)
    counts = {sign: bare.count(sign) for sign in _SIGNS}
    best = max(_SIGNS, key=lambda sign: counts[sign])
    if columns:
        for sign in sorted(_SIGNS, key=lambda sign: -counts[sign]):
            names = {cell.strip().strip('"') for cell in header.split(sign)}
            if names >= set(columns) and counts[sign]:
                return sign
    return best if counts[best] else None


def unusual_sign(lines: Sequence[str]) -> str | None:
    """A sign that is between letters or digits in every line, and that no name needs."""
    common = set.intersection(*(set(line.strip()) for line in lines)) if lines else set()
    odd = [sign for sign in common if not sign.isalnum() and sign not in " \t\"'-.()_"]
    return max(
        (sign for sign in odd if all(sign in line.strip().strip(sign) for line in lines)),
        key=lambda sign: sum(line.count(sign) for line in lines),
        default=None,
    )
