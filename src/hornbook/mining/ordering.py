"""Puts itemsets into a canonical order, whatever way they were computed.

Shorter sets come first, then more frequent ones, then those whose items come first.  Items are
ordered from rare to frequent, and by name where they are equally frequent.  Without this the order
would depend on the number of baskets processed at a time, and so on the memory.

The search emits most sets in runs that are already in lexicographic order, one per class; so only
the first set of each run is compared with others, and the rest is a radix sort by count.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hornbook.mining.itemsets import Itemsets

# NumPy uses radix sort for 16-bit integers, and comparisons for wider ones
_DIGIT = 16


def in_order(itemsets: Itemsets) -> Itemsets:
    """Returns the itemsets in canonical order; the arrays of `itemsets` are overwritten.

    Args:
        itemsets: Frequent itemsets, shortest first, including all sets of one item.
    """
    if not len(itemsets):
        return itemsets
    codes = np.flatnonzero(np.bincount(itemsets.items))
    supports = np.zeros(int(codes[-1]) + 1, np.int64)
    first, singles = itemsets.by_length[0]
    supports[singles[:, 0]] = itemsets.counts[first : first + len(singles)]
    by_rank = codes.take(order_of_items(codes, supports.take(codes), itemsets.labels))
    rank = np.zeros(int(codes[-1]) + 1, np.int32)
    rank[by_rank] = np.arange(len(codes), dtype=np.int32)
    for first, matrix in itemsets.by_length:
        sets = rank.take(matrix)
        if (sets[:, 1:] < sets[:, :-1]).any():
            sets.sort(axis=1)
        counts = itemsets.counts[first : first + len(matrix)]
        order = canonical_order(sets, counts, len(codes))
        counts[:] = counts.take(order)
        matrix[:] = by_rank.take(sets.take(order, axis=0))
    return replace(itemsets)


def canonical_order(
    sets: np.ndarray, counts: np.ndarray, items: int, starts: np.ndarray | None = None
) -> np.ndarray:
    """Returns the order of sets of one length, `(sets,)`.

    Args:
        sets: `(sets, length)` integers below `items`, ascending in each row; rows are distinct.
        counts: `(sets,)`, number of baskets that hold each set.
        items: Number of distinct items.
        starts: `(runs,)`, where runs begin, ascending from 0.  The sets of a run are in
            lexicographic order, and no set of another run belongs between them.  Defaults to a
            run per set.
    """
    descending = counts.max() - counts
    if starts is None:
        order = _lexicographic_order(sets, items)
    else:
        runs = _lexicographic_order(sets.take(starts, axis=0), items)
        lengths = np.diff(starts, append=len(sets)).take(runs)
        shifts = starts.take(runs) - (np.cumsum(lengths) - lengths)
        order = np.repeat(shifts, lengths)
        order += np.arange(len(sets))
    return order.take(_radix_order(descending.take(order)))


def _lexicographic_order(sets: np.ndarray, items: int) -> np.ndarray:
    """Returns the lexicographic order of distinct rows, `(sets,)`."""
    width = max(1, (items - 1).bit_length())
    per_key = 63 // width
    keys = []
    for start in range(0, sets.shape[1], per_key):
        key = sets[:, start].astype(np.int64)
        for column in range(start + 1, min(start + per_key, sets.shape[1])):
            key <<= width
            key |= sets[:, column]
        keys.append(key)
    order = np.argsort(keys[0], kind="stable")  # takes advantage of sorted runs
    if len(keys) == 1:
        return order
    first = keys[0].take(order)
    is_same = first[1:] == first[:-1]
    is_tied = np.zeros(len(first), bool)
    is_tied[1:] |= is_same
    is_tied[:-1] |= is_same
    ties = np.flatnonzero(is_tied)
    rows = order.take(ties)
    order[ties] = rows.take(np.lexsort([key.take(rows) for key in reversed(keys)]))
    return order


def _radix_order(numbers: np.ndarray) -> np.ndarray:
    """Returns the stable ascending order of non-negative integers."""
    order = np.argsort(numbers.astype(np.uint16), kind="stable")
    for shift in range(_DIGIT, int(numbers.max(initial=0)).bit_length(), _DIGIT):
        digits = (numbers >> shift).astype(np.uint16)
        order = order.take(np.argsort(digits.take(order), kind="stable"))
    return order


def order_of_items(codes: np.ndarray, supports: np.ndarray, labels: Any = None) -> np.ndarray:
    """Returns the order of items: from rare to frequent, equally frequent ones by name.

    Args:
        codes: `(items,)`, the code of each item, ascending.
        supports: `(items,)`, number of baskets that hold each item.
        labels: The name of each code.  Defaults to the codes.
    """
    if labels is None:
        return np.argsort(supports, kind="stable")
    names = [labels[code] for code in codes.tolist()]
    names = [name.item() if isinstance(name, np.generic) else name for name in names]
    places = np.arange(len(names))
    # other objects, and mixtures of strings and numbers, keep their order of appearance
    if set(map(type, names)) in ({int}, {str}):
        places[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return np.lexsort((places, supports))
