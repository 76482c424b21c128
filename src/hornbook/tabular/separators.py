"""The separator between the cells of a line: named, detected, or from Excel's `sep=` line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from hornbook.errors import OptionError

# None stands for white space.  The order is that of detection: of two characters that are in
# equally many lines, a tab or a bar is the separator, and a comma is part of an item.
SEPARATORS = {"tab": "\t", "pipe": "|", "semicolon": ";", "comma": ",", "space": None}
_CHARACTERS = [character for character in SEPARATORS.values() if character is not None]
_SEP_LINE = re.compile(r'\ufeff?"?sep=(.|\\t)"?[ ;,]*[\r\n]*', re.IGNORECASE)
_QUOTED = re.compile(r'"[^"\n]*"')


def separator_named(separator: str) -> str | None:
    """Returns the separating character; None for white space.

    Args:
        separator: One of the names in `SEPARATORS`, or the character itself.

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


def name_of_separator(separator: str | None) -> str:
    """Returns the name of a separator for messages."""
    names = (name for name, known in SEPARATORS.items() if known == separator)
    return next(names, repr(separator))


def sep_line(line: str) -> str | None:
    """Returns the separator of Excel's line `sep=;`; None if the line is another one."""
    match = _SEP_LINE.fullmatch(line)
    if match is None:
        return None
    return "\t" if match[1] == "\\t" else match[1]


def find_separator(lines: Iterable[str]) -> str | None:
    """Returns the separator in most lines, outside quotes; white space (None) without any."""
    counts = Counter(dict.fromkeys(_CHARACTERS, 0))
    for line in lines:
        bare = _QUOTED.sub("", line)
        counts.update(character for character in _CHARACTERS if character in bare)
    best = max(_CHARACTERS, key=lambda character: counts[character])
    return best if counts[best] else None


def other_candidate(separator: str | None, lines: Sequence[str]) -> str | None:
    """Returns another character that might be the separator, because most lines contain it."""
    if separator is None:
        return None
    bare = [_QUOTED.sub("", line) for line in lines]
    candidates = (
        character
        for character in _CHARACTERS
        if character != separator and sum(character in line for line in bare) * 2 > len(bare)
    )
    return next(candidates, None)


def find_table_separator(header: str, columns: Sequence[str] = ()) -> str | None:
    """Returns the separator of a header line; white space (None) if there is no other.

    Args:
        header: The line.
        columns: Required names: a separator that gives all of them is preferred.
    """
    bare = _QUOTED.sub("", header)
    counts = {character: bare.count(character) for character in _CHARACTERS}
    best = max(_CHARACTERS, key=lambda character: counts[character])
    if columns:
        for character in sorted(_CHARACTERS, key=lambda character: -counts[character]):
            names = {cell.strip().strip('"') for cell in header.split(character)}
            if names >= set(columns) and counts[character]:
                return character
    return best if counts[best] else None


def unusual_separator(lines: Sequence[str]) -> str | None:
    """Returns an uncommon character inside every line that may separate items, if there is one."""
    common = set.intersection(*(set(line.strip()) for line in lines)) if lines else set()
    symbols = [symbol for symbol in common if not symbol.isalnum() and symbol not in " \t\"'-.()_"]
    return max(
        (
            symbol
            for symbol in symbols
            if all(symbol in line.strip().strip(symbol) for line in lines)
        ),
        key=lambda symbol: sum(line.count(symbol) for line in lines),
        default=None,
    )
