"""N-grams of texts: runs of words, or of characters in scripts without spaces.

A unit is a word, a character of a script without spaces, or a punctuation mark.  An n-gram is an
integer composed of the indices of its units, so that NumPy can count a corpus.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np

# Thai, Lao, Burmese, Khmer, kana, Chinese characters, Korean syllables
SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
UNIT = rf"[{SPACELESS}]|[^\W{SPACELESS}]+|[^\w\s\ud800-\udfff]"  # no lone surrogates
SAMPLE = 1000  # texts that determine the length of n-grams


class Units(NamedTuple):
    """The units of some texts.

    Attributes:
        units: Index of each unit (0 if unknown), `(units,)` int64.
        rows: Index of its text, `(units,)` int64.
        texts: Number of texts.
    """

    units: np.ndarray
    rows: np.ndarray
    texts: int


def units_of(text: str) -> list[str]:
    """Returns the units of a text, lowercased."""
    return _UNIT.findall(text.lower())


def longest_ngram(texts: Sequence[str]) -> int:
    """Returns the maximum n: 3 if most units are characters, 2 if they are words."""
    step = max(len(texts) // SAMPLE, 1)
    sample = " ".join(texts[::step])
    return 3 if 2 * len(_SPACELESS.findall(sample)) > len(_UNIT.findall(sample)) else 2


def unit_numbers(texts: Iterable[str], numbers: dict[str, int], *, grow: bool = False) -> Units:
    """Returns the unit indices of all texts.

    Args:
        texts: The texts.
        numbers: Index of each known unit, from 1.
        grow: Whether to add unknown units.
    """
    indices: list[int] = []
    lengths = []
    for text in texts:
        units = units_of(text)
        lengths.append(len(units))
        if grow:
            for unit in units:
                if unit not in numbers:
                    numbers[unit] = len(numbers) + 1
        indices.extend(map(numbers.get, units, repeat(0)))
    rows = np.repeat(np.arange(len(lengths)), lengths)
    return Units(np.array(indices, np.int64), rows, len(lengths))


def keys_of(
    units: np.ndarray, rows: np.ndarray, length: int, base: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the n-grams of one length.

    Args:
        units, rows: From `unit_numbers`.
        length: Units per n-gram.
        base: Greater than any unit index.

    Returns:
        The key of each n-gram whose units are all known, and the index of its text.
    """
    count = max(len(units) - length + 1, 0)
    keys = np.zeros(count, np.int64)
    known = rows[:count] == rows[len(rows) - count :]  # begins and ends in the same text
    for place in range(length):
        part = units[place : place + count]
        keys = keys * base + part
        known &= part > 0
    return keys[known], rows[:count][known]


_UNIT = re.compile(UNIT)
_SPACELESS = re.compile(f"[{SPACELESS}]")
