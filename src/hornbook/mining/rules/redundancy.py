"""How much a rule improves on the confidence of all shorter ones."""

from __future__ import annotations

import numpy as np

from hornbook.mining.itemset_index import index_of
from hornbook.mining.itemsets import Itemsets


def gain(itemsets: Itemsets, antecedents: np.ndarray, consequents: np.ndarray) -> np.ndarray:
    """Returns the gain in confidence over the best shorter rule with the same consequent.

    Shorter rules count even if they are not confident enough to be among these rules: a rule two
    items shorter may be, while all between them are weaker.

    Args:
        itemsets: All frequent itemsets.
        antecedents, consequents: `(rules,)`, the indices of their itemsets.

    Returns:
        `(rules,)` float64.
    """
    index, counts, number = index_of(itemsets), itemsets.counts, len(itemsets)
    lengths = itemsets.lengths.take(antecedents)
    pair = antecedents * number + consequents
    # all pairs of a shorter antecedent and its consequent, from long to short
    longest = int(lengths.max(initial=0))
    pairs = {length: pair[lengths == length] for length in range(1, longest + 1)}
    smaller: dict[int, list[np.ndarray]] = {}
    for length in range(longest, 0, -1):
        pairs[length] = np.unique(pairs[length])
        if length > 1:
            antecedent, consequent = np.divmod(pairs[length], number)
            places = itemsets.offsets.take(antecedent)
            keys = index.keys.take(antecedent)
            smaller[length] = [
                index.find(keys - index.item_keys.take(itemsets.items.take(places + column)))
                * number
                + consequent
                for column in range(length)
            ]
            pairs[length - 1] = np.concatenate([pairs[length - 1], *smaller[length]])
    # the best confidence of each pair and all shorter ones, from short to long
    gains = np.empty(len(antecedents))
    best = np.empty(0)
    for length in range(1, longest + 1):
        antecedent, consequent = np.divmod(pairs[length], number)
        shorter = counts.take(consequent) / itemsets.total
        for subset in smaller.get(length, []):
            place = np.searchsorted(pairs[length - 1], subset)
            shorter = np.maximum(shorter, best.take(place))
        whole = index.find(np.add(index.keys.take(antecedent), index.keys.take(consequent)))
        # computed from counts, so that equal confidences are equal floats
        confidence = counts.take(whole) / counts.take(antecedent)
        best = np.maximum(confidence, shorter)
        rules = np.flatnonzero(lengths == length)
        gains[rules] = (confidence - shorter).take(np.searchsorted(pairs[length], pair.take(rules)))
    return gains
