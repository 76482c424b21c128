"""Counts given itemsets exactly, in one pass over baskets.

Each item becomes a row of bits, one bit a basket.  The bits of a set are those of the set
without its last item and those of its last item; counting them is one population count.
Sets are counted level by level, and baskets in stretches so short that the bits of all
sets stay in memory together.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from hornbook.mining.baskets import Baskets
from hornbook.mining.itemset_index import index_of
from hornbook.mining.itemsets import Itemsets

# Bytes that the bits of all sets may take together.
_BYTES = 1 << 26


def count_sets(
    itemsets: Itemsets, baskets: Baskets, code_of: np.ndarray, room: int = _BYTES
) -> np.ndarray:
    """In how many baskets each set is.

    Args:
        itemsets: Sets that hold all their subsets, like frequent ones; shortest first.
        baskets: The baskets, without weights.
        code_of: `(basket codes,)` the code of each basket's item in `itemsets`, or -1.
        room: Bytes that the bits of all sets may take together.

    Returns:
        `(sets,)` int64.
    """
    counts = np.zeros(len(itemsets), np.int64)
    if not len(itemsets):
        return counts
    index = index_of(itemsets)
    (_, singles), *longer = itemsets.by_length
    row_of = np.full(int(max(itemsets.items.max(), code_of.max(initial=0))) + 1, -1)
    row_of[singles[:, 0]] = np.arange(len(singles))
    levels = []
    for first, matrix in longer:
        last = matrix[:, -1]
        parent = index.find(index.keys[first : first + len(matrix)] - index.item_keys.take(last))
        levels.append((first, parent, row_of.take(last)))
    known = code_of.take(baskets.codes)
    rows = np.where(known >= 0, row_of.take(known, mode="clip"), -1)
    owners = np.repeat(np.arange(len(baskets)), baskets.lengths)
    held = np.flatnonzero(rows >= 0)
    rows, owners = rows.take(held), owners.take(held)
    # For each basket a bit of each set, once more for the longest level, and a byte of each item.
    bits_each = 2 * len(itemsets) + 8 * len(singles)
    step = max(64, min(_BYTES, room) * 8 // bits_each // 64 * 64)
    edges = np.searchsorted(owners, np.arange(0, len(baskets) + step, step)).tolist()
    for number, (low, high) in enumerate(pairwise(edges)):
        table = np.zeros((len(singles), step), bool)
        table[rows[low:high], owners[low:high] - number * step] = True
        bits = np.empty((len(itemsets), step // 64), np.uint64)
        bits[: len(singles)] = np.packbits(table, axis=1).view(np.uint64)
        for first, parent, last in levels:
            part = bits[first : first + len(parent)]
            np.bitwise_and(bits.take(parent, axis=0), bits.take(last, axis=0), out=part)
        counts += np.bitwise_count(bits).sum(axis=1, dtype=np.int64)
    return counts
