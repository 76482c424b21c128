"""The order of itemsets: the same for the same answer, whatever way it was found.

Shorter sets come first, among these the ones in more baskets, and among equals those whose
items come first.  Items are ordered from rare to frequent, equally frequent ones by their names.
Without this the order would depend on how much was worked on at a time, and so on the memory.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hornbook.mining.itemsets import Itemsets


def in_order(itemsets: Itemsets) -> Itemsets:
    """The same itemsets in the one order; the arrays of `itemsets` are changed for it."""
    if not len(itemsets):
        return itemsets
    codes = np.flatnonzero(np.bincount(itemsets.items))
    position = np.full(int(codes[-1]) + 1, -1, np.int32)
    by_position = codes.take(_item_order(itemsets, codes))
    position[by_position] = np.arange(len(codes), dtype=np.int32)
    for first, matrix in itemsets.by_length:
        places = position.take(matrix)
        if (places[:, 1:] < places[:, :-1]).any():
            places.sort(axis=1)
        counts = itemsets.counts[first : first + len(matrix)]
        order = _order(places, counts, len(codes))
        counts[:] = counts.take(order)
        matrix[:] = by_position.take(places.take(order, axis=0))
    return replace(itemsets)


def _item_order(itemsets: Itemsets, codes: np.ndarray) -> np.ndarray:
    """The order of the items `codes`: rare ones first, then by name."""
    names = [itemsets.label_of(code) for code in codes.tolist()]
    by_name = np.arange(len(names))
    # Other objects, and texts among numbers, have no order but that in which they came.
    if set(map(type, names)) in ({int}, {str}):
        by_name[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    counts = np.zeros(int(codes[-1]) + 1, np.int64)
    length, singles = itemsets.by_length[0][1].shape[1], itemsets.by_length[0][1]
    if length == 1:
        counts[singles[:, 0]] = itemsets.counts[: len(singles)]
    return np.lexsort((by_name, counts.take(codes)))


def _order(places: np.ndarray, counts: np.ndarray, items: int) -> np.ndarray:
    """The order of sets of one length: by count, then by the places of their items.

    As much of both as fits is one number, by which all sets are sorted; only those that are
    still equal are compared by the rest.
    """
    largest = int(counts.max())
    width = items.bit_length()
    key = largest - counts
    free = 63 - largest.bit_length()
    used = 0
    while used < places.shape[1] and free >= width:
        key = (key << width) | places[:, used]
        free -= width
        used += 1
    order = np.argsort(key, kind="stable" if used < places.shape[1] else None)
    if used == places.shape[1]:
        return order
    key = key.take(order)
    is_same = key[1:] == key[:-1]
    is_tied = np.zeros(len(key), bool)
    is_tied[1:] |= is_same
    is_tied[:-1] |= is_same
    tied = np.flatnonzero(is_tied)
    rows = order.take(tied)
    rest = [places[:, column].take(rows) for column in range(places.shape[1] - 1, used - 1, -1)]
    order[tied] = rows.take(np.lexsort((*rest, key.take(tied))))
    return order
