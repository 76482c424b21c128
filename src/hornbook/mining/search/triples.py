"""Drops pairs that are in no frequent triple, before rows are made of them.

Long baskets of many items have many frequent pairs but few frequent triples, so most rows of a
class would be useless.  Here the triples of a class are counted by bits, among the baskets that
hold its item, without rows.
"""

from __future__ import annotations

import numpy as np

from hornbook.mining.search.bit_columns import bit_columns, count_pairs
from hornbook.mining.search.item_rows import Rows

# measured nanoseconds: an entry of a class's rows with everything computed from it, a pair of tails
# in a row; a tail of a basket, a word, and the calls for one tail
_ENTRY, _PAIR = 30, 10
_TAIL, _WORD, _CALLS = 1.2, 1.5, 9_000
_BYTES = 1 << 28


def in_triples(
    rows: Rows, first: np.ndarray, second: np.ndarray, counts: np.ndarray, minimum: int
) -> np.ndarray:
    """Returns the indices of the pairs to keep in the rows of a class.

    Args:
        rows: The one class of all baskets, without weights.
        first, second: `(pairs,)`, the items of each frequent pair, sorted by `first`.
        counts: `(pairs,)`, number of baskets that hold it.
        minimum: Minimum count of a frequent set.
    """
    number = len(rows.tails)
    if number * len(rows.lengths) > _BYTES:
        return np.arange(len(first))
    supports = np.bincount(rows.items, minlength=number)
    tails = np.bincount(first, minlength=number)
    to_check = (tails > 1) & _worth_checking(supports, first, counts, minimum)
    is_useful = ~to_check.take(first)
    if to_check.any():
        columns = bit_columns(rows)
        ends = np.cumsum(tails)
        for item in np.flatnonzero(to_check).tolist():
            pairs = slice(ends[item] - tails[item], ends[item])
            baskets = np.flatnonzero(columns[item])
            own_columns = np.array([columns[tail].take(baskets) for tail in second[pairs].tolist()])
            is_frequent = count_pairs(own_columns, None) >= minimum
            is_useful[pairs] = is_frequent.any(axis=0) | is_frequent.any(axis=1)
    return np.flatnonzero(is_useful)


def _worth_checking(
    supports: np.ndarray, first: np.ndarray, counts: np.ndarray, minimum: int
) -> np.ndarray:
    """Returns the classes where the check is cheap and likely to help, `(items,)` booleans.

    It is likely to help if two independent tails would not be frequent together.
    """
    tails = np.bincount(first, minlength=len(supports))
    entries = np.bincount(first, counts, minlength=len(supports))
    words = tails * (tails - 1) / 2 * (supports / 64)
    by_rows = entries * _ENTRY + entries * (entries / supports) / 2 * _PAIR
    by_bits = tails * (supports * _TAIL + _CALLS) + words * _WORD
    by_chance = (entries / np.maximum(tails, 1)) ** 2 / supports
    pays: np.ndarray = (2 * by_bits < by_rows) & (2 * by_chance < minimum)
    return pays
