"""Drops pairs that are in no frequent triple, before anything is made of them.

Long baskets of many items have many frequent pairs and few frequent triples, and most rows
of a class lead nowhere.  Here the triples of a class are counted by bits, among the baskets
that hold its item: no rows are needed for that.
"""

from __future__ import annotations

import numpy as np

from hornbook.mining.search.bit_columns import bit_columns, count_pairs
from hornbook.mining.search.item_rows import Rows

# Nanoseconds, as measured: an entry of a class's rows with all that is made of it, a pair
# of tails in a row; a tail of a basket, a word, and the calls for one tail.
_ENTRY, _PAIR = 30, 10
_TAIL, _WORD, _CALLS = 1.2, 1.5, 9_000
_BYTES = 1 << 28


def in_triples(
    rows: Rows, first: np.ndarray, second: np.ndarray, counts: np.ndarray, minimum: int
) -> np.ndarray:
    """The numbers of the pairs that are worth a place in the rows of a class.

    Args:
        rows: The one class of all baskets, without weights.
        first, second: `(pairs,)` the items of each frequent pair, sorted by `first`.
        counts: `(pairs,)` the baskets that hold it.
        minimum: The smallest count that is frequent.
    """
    number = len(rows.tails)
    if number * len(rows.lengths) > _BYTES:
        return np.arange(len(first))
    supports = np.bincount(rows.items, minlength=number)
    tails = np.bincount(first, minlength=number)
    checked = (tails > 1) & _worth_checking(supports, first, counts, minimum)
    worth = ~checked.take(first)
    if checked.any():
        columns = bit_columns(rows)
        ends = np.cumsum(tails)
        for item in np.flatnonzero(checked).tolist():
            pairs = slice(ends[item] - tails[item], ends[item])
            baskets = np.flatnonzero(columns[item])
            held = np.array([columns[tail].take(baskets) for tail in second[pairs].tolist()])
            is_frequent = count_pairs(held, None) >= minimum
            worth[pairs] = is_frequent.any(axis=0) | is_frequent.any(axis=1)
    return np.flatnonzero(worth)


def _worth_checking(
    supports: np.ndarray, first: np.ndarray, counts: np.ndarray, minimum: int
) -> np.ndarray:
    """`(items,)` the classes where the check costs little and is likely to help.

    It is likely to when two tails, if they met by chance, would not be frequent together.
    """
    tails = np.bincount(first, minlength=len(supports))
    entries = np.bincount(first, counts, minlength=len(supports))
    words = tails * (tails - 1) / 2 * (supports / 64)
    by_rows = entries * _ENTRY + entries * (entries / supports) / 2 * _PAIR
    by_bits = tails * (supports * _TAIL + _CALLS) + words * _WORD
    by_chance = (entries / np.maximum(tails, 1)) ** 2 / supports
    pays: np.ndarray = (2 * by_bits < by_rows) & (2 * by_chance < minimum)
    return pays
