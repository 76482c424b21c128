"""The textbook Apriori algorithm, for reading and for testing the fast engine."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from hornbook.mining.baskets import Baskets


def apriori(baskets: Baskets, minimum: int, longest: int) -> dict[tuple[int, ...], int]:
    """Finds every frequent itemset, level by level.

    A set can only be frequent if all its subsets are.  So each candidate of length `k + 1` joins
    two frequent sets of length `k` that differ in their last item, and is dropped if any of its
    subsets is not frequent; only the others are counted.

    Args:
        baskets: The baskets.
        minimum: Minimum count of a frequent set.
        longest: The maximum number of items in a set.

    Returns:
        `{ascending item codes: count}`.

    Reference: Agrawal and Srikant, Fast Algorithms for Mining Association Rules, 1994.
    """
    weights = np.ones(len(baskets), np.int64) if baskets.weights is None else baskets.weights
    # one column of booleans per item: the baskets that hold it
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
            candidate = (*left, right[-1])
            if left[:-1] == right[:-1] and len(candidate) <= longest:
                subsets = combinations(candidate, len(left))
                if all(subset in level for subset in subsets):
                    candidates[candidate] = columns[left] & columns[right]
        columns = candidates
    return frequent
