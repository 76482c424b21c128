"""How much surer a rule is than all shorter ones."""

from __future__ import annotations

import numpy as np

from hornbook.mining.itemset_index import index_of
from hornbook.mining.itemsets import Itemsets


def gain(itemsets: Itemsets, antecedents: np.ndarray, consequents: np.ndarray) -> np.ndarray:
    """`(rules,)` confidence above that of the best shorter rule with the same consequent.

    Shorter rules count even when they are not confident enough to be among the rules given:
    a rule two items shorter may be, with all between them weaker.

    Args:
        itemsets: All frequent itemsets.
        antecedents, consequents: `(rules,)` the numbers of their itemsets.
    """
    index, counts, number = index_of(itemsets), itemsets.counts, len(itemsets)
    lengths = itemsets.lengths.take(antecedents)
    pair = antecedents * number + consequents
    # All pairs of a shorter antecedent and its consequent, from long to short.
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
    # The best confidence of each pair and all shorter ones, from short to long.
    gains = np.empty(len(antecedents))
    best = np.empty(0)
    for length in range(1, longest + 1):
        antecedent, consequent = np.divmod(pairs[length], number)
        shorter = counts.take(consequent) / itemsets.total
        for wanted in smaller.get(length, []):
            place = np.searchsorted(pairs[length - 1], wanted)
            shorter = np.maximum(shorter, best.take(place))
        whole = index.find(np.add(index.keys.take(antecedent), index.keys.take(consequent)))
        # From counts, so that equal confidences are equal numbers.
        confidence = counts.take(whole) / counts.take(antecedent)
        best = np.maximum(confidence, shorter)
        mine = np.flatnonzero(lengths == length)
        gains[mine] = (confidence - shorter).take(np.searchsorted(pairs[length], pair.take(mine)))
    return gains
