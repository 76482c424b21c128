"""Closed and maximal itemsets: fewer sets with the same information, or the largest ones only.

A set is closed when every larger set is in fewer baskets, and maximal when no larger set
is frequent.  Whether a larger set matters is decided by those with one more item.
"""

from __future__ import annotations

import numpy as np

from hornbook.mining.itemset_index import index_of
from hornbook.mining.itemsets import Itemsets

KINDS = ("all", "closed", "maximal")
# In sparse data, mining up to this many sets and filtering them is faster than `closed`;
# see docs/LOG.md for the figures.
MOST_FILTERED = 2_000_000


def condense(itemsets: Itemsets, kind: str) -> Itemsets:
    """Selects the closed or the maximal sets among all frequent ones.

    Args:
        itemsets: All frequent sets (`kind="all"`, no limit on their length).
        kind: One of `KINDS`.
    """
    if kind == "all":
        return itemsets
    index = index_of(itemsets)
    keep = np.ones(len(itemsets), bool)
    for first, matrix in itemsets.by_length:
        if matrix.shape[1] == 1:
            continue
        whole = slice(first, first + len(matrix))
        for column in range(matrix.shape[1]):
            smaller = index.find(index.keys[whole] - index.item_keys.take(matrix[:, column]))
            if kind == "closed":
                smaller = smaller[itemsets.counts.take(smaller) == itemsets.counts[whole]]
            keep[smaller] = False
    return itemsets.take(np.flatnonzero(keep), kind=kind)
