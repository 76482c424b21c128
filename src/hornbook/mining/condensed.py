"""Selects closed and maximal itemsets: the same information in fewer sets, or only the largest.

A set is closed if every superset is in fewer baskets, and maximal if no superset is frequent.
It is enough to look at the supersets with one more item.
"""

from __future__ import annotations

import numpy as np

from hornbook.mining.itemset_index import index_of
from hornbook.mining.itemsets import Itemsets

KINDS = ("all", "closed", "maximal")
# On sparse data, mining up to this many sets and filtering them is faster than `closed`; for the
# measurements see docs/LOG.md.
MAX_FILTERED = 2_000_000


def condense(itemsets: Itemsets, kind: str) -> Itemsets:
    """Returns the closed or the maximal ones of all frequent sets.

    Args:
        itemsets: All frequent sets (`kind="all"`, without a maximum length).
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
