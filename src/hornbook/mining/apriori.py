"""The textbook Apriori algorithm, for reading and for testing the fast engine."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from hornbook.mining.baskets import Baskets


def apriori(baskets: Baskets, minimum: int, longest: int) -> dict[tuple[int, ...], int]:
    """Finds every frequent itemset, level by level.

    A set can only be frequent when all its subsets are.  So the candidates of length
    `k + 1` are made of two frequent sets of length `k` that differ in their last item, and
    dropped when any of their subsets is missing; only then are they counted.

    Args:
        baskets: The baskets.
        minimum: The smallest count that is frequent.
        longest: The maximum number of items in a set.

    Returns:
        `{ascending item codes: count}`.

    Reference: Agrawal and Srikant, Fast Algorithms for Mining Association Rules, 1994.
    """
    weights = np.ones(len(baskets), np.int64) if baskets.weights is None else baskets.weights
    # One column of booleans per item: in which baskets it is.
    owner = np.repeat(np.arange(len(baskets)), baskets.lengths)
    columns: dict[tuple[int, ...], np.ndarray] = {}
    for code in np.unique(baskets.codes).tolist():
        columns[code,] = np.zeros(len(baskets), bool)
        columns[code,][owner[baskets.codes == code]] = True

    frequent: dict[tuple[int, ...], int] = {}
    while columns:
        counts = {items: int(weights[column].sum()) for items, column in columns.items()}
        level = {items: count for items, count in counts.items() if count >= minimum}
        frequent.update(level)
        candidates = {}
        for left, right in combinations(sorted(level), 2):
            joined = (*left, right[-1])
            if left[:-1] == right[:-1] and len(joined) <= longest:
                subsets = combinations(joined, len(left))
                if all(subset in level for subset in subsets):
                    candidates[joined] = columns[left] & columns[right]
        columns = candidates
    return frequent
