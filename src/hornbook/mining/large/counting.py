"""Counts given itemsets exactly, in one pass over the baskets.

Each item becomes a row of bits, one per basket.  The bits of a set are the AND of those of the set
without its last item and those of its last item; a population count gives its support.  Sets are
counted level by level, and baskets in blocks small enough for the bits of all sets to fit into
memory together.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from hornbook.mining.baskets import Baskets
from hornbook.mining.itemset_index import index_of
from hornbook.mining.itemsets import Itemsets

_BYTES = 1 << 26  # maximum bytes for the bits of all sets


def count_sets(
    itemsets: Itemsets, baskets: Baskets, code_of: np.ndarray, room: int = _BYTES
) -> np.ndarray:
    """Counts the baskets that hold each set.

    Args:
        itemsets: Sets, shortest first, that include all subsets of each, as frequent sets do.
        baskets: The baskets, without weights.
        code_of: `(basket codes,)`, the code in `itemsets` of each item of the baskets, or -1.
        room: Maximum bytes for the bits of all sets.

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
    codes = code_of.take(baskets.codes)
    rows = np.where(codes >= 0, row_of.take(codes, mode="clip"), -1)
    owners = np.repeat(np.arange(len(baskets)), baskets.lengths)
    entries = np.flatnonzero(rows >= 0)
    rows, owners = rows.take(entries), owners.take(entries)
    # per basket: one bit per set, one more for the longest level, and one byte per item
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
