"""The order of itemsets: the same for the same answer, whatever way it was computed.

Shorter sets come first, among these the ones in more baskets, and among equals those whose
items come first.  Items are ordered from rare to frequent, equally frequent ones by their names.
Without this the order would depend on how many baskets are processed at a time, and so on the
memory.

The search emits most sets in runs that are in lexicographic order already, one for each class;
so only the first set of each run is compared with others, and what remains is a radix sort by
count.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hornbook.mining.itemsets import Itemsets

# NumPy sorts 16-bit integers by radix, and wider ones by comparison.
_DIGIT = 16


def in_order(itemsets: Itemsets) -> Itemsets:
    """The same itemsets in canonical order; the arrays of `itemsets` are overwritten.

    Args:
        itemsets: Frequent itemsets, shortest first, with all sets of one item among them.
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
    """`(sets,)` the order of sets of one length.

    Args:
        sets: `(sets, length)` integers below `items`, ascending in each row, no row twice.
        counts: `(sets,)` the baskets that hold each set.
        items: The number of different items.
        starts: `(runs,)` where runs begin, ascending from 0.  The sets of a run are in
            lexicographic order, and no set of another run lies between them.  None: every set
            is a run of its own.
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
    """`(sets,)` the order of different rows: by the first column, then the second, ..."""
    width = max(1, (items - 1).bit_length())
    per_key = 63 // width
    keys = []
    for start in range(0, sets.shape[1], per_key):
        key = sets[:, start].astype(np.int64)
        for column in range(start + 1, min(start + per_key, sets.shape[1])):
            key <<= width
            key |= sets[:, column]
        keys.append(key)
    order = np.argsort(keys[0], kind="stable")  # takes advantage of runs that are in order
    if len(keys) == 1:
        return order
    first = keys[0].take(order)
    is_same = first[1:] == first[:-1]
    is_tied = np.zeros(len(first), bool)
    is_tied[1:] |= is_same
    is_tied[:-1] |= is_same
    tied = np.flatnonzero(is_tied)
    rows = order.take(tied)
    order[tied] = rows.take(np.lexsort([key.take(rows) for key in reversed(keys)]))
    return order


def _radix_order(numbers: np.ndarray) -> np.ndarray:
    """The stable ascending order of integers from 0 on."""
    order = np.argsort(numbers.astype(np.uint16), kind="stable")
    for shift in range(_DIGIT, int(numbers.max(initial=0)).bit_length(), _DIGIT):
        digits = (numbers >> shift).astype(np.uint16)
        order = order.take(np.argsort(digits.take(order), kind="stable"))
    return order


def order_of_items(codes: np.ndarray, supports: np.ndarray, labels: Any = None) -> np.ndarray:
    """The order of items: from rare to frequent, equally frequent ones by their names.

    Args:
        codes: `(items,)` the code of each item, ascending.
        supports: `(items,)` the baskets that hold each item.
        labels: The name of each code.  None: the codes are the names.
    """
    if labels is None:
        return np.argsort(supports, kind="stable")
    names = [labels[code] for code in codes.tolist()]
    names = [name.item() if isinstance(name, np.generic) else name for name in names]
    places = np.arange(len(names))
    # Other objects, and strings among numbers, have no order but that in which they came.
    if set(map(type, names)) in ({int}, {str}):
        places[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return np.lexsort((places, supports))
