"""Finds sets among many sets: a hash table in three arrays.

Each item gets a random 64-bit number and a set the sum of its items' numbers, so that the
key of a subset is one subtraction away.  The table is built so that no two of its sets
have the same key; a lookup of a set that is in it is therefore always right.
"""

from __future__ import annotations

import numpy as np

from hornbook.mining.itemsets import Itemsets


class SetIndex:
    """The sets of `itemsets`, to be found by key.

    Attributes:
        item_keys: `(items,)` uint64, the random number of each item code.
        keys: `(sets,)` uint64, the sum of each set's item numbers modulo 2 ** 64.
    """

    def __init__(self, itemsets: Itemsets):
        items = int(itemsets.items.max(initial=-1)) + 1
        random = np.random.default_rng(0)
        while True:
            self.item_keys = random.integers(0, 2**64, items, np.uint64)
            self.keys = np.empty(len(itemsets), np.uint64)
            for first, matrix in itemsets.by_length:
                total = self.keys[first : first + len(matrix)]
                total[:] = 0
                for column in range(matrix.shape[1]):
                    total += self.item_keys.take(matrix[:, column])
            if self._place_all():
                return

    def _place_all(self) -> bool:
        """Fills the table round by round; False if two sets have the same key."""
        self._shift = np.uint64(64 - max(4, (2 * len(self.keys)).bit_length()))
        self._slots: list[np.ndarray] = []
        left = np.arange(len(self.keys))
        for _ in range(64):
            slots = np.full(1 << (64 - int(self._shift)), -1, np.int32)
            where = self._slot_of(self.keys.take(left), len(self._slots))
            slots[where] = left
            self._slots.append(slots)
            left = left[slots.take(where) != left]
            if not len(left):
                return True
        return False

    def _slot_of(self, keys: np.ndarray, level: int) -> np.ndarray:
        mixed = keys * np.uint64(0x9E3779B97F4A7C15 + 2 * level)
        mixed ^= mixed >> np.uint64(32)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        return (mixed >> self._shift).astype(np.int64)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """`(keys,)` the number of the set with each key, or -1."""
        result = np.full(len(keys), -1, np.int64)
        if not len(self.keys):
            return result
        left = None
        for level, slots in enumerate(self._slots):
            wanted = keys if left is None else keys.take(left)
            candidate = slots.take(self._slot_of(wanted, level)).astype(np.int64)
            # A slot that was never filled ends the search: nothing was pushed past it.
            right = (candidate >= 0) & (self.keys.take(candidate) == wanted)
            if left is None:
                result = np.where(right, candidate, -1)
                left = np.flatnonzero(~right & (candidate >= 0))
            else:
                result[left[right]] = candidate[right]
                left = left[~right & (candidate >= 0)]
            if not len(left):
                break
        return result


def index_of(itemsets: Itemsets) -> SetIndex:
    """The index of `itemsets`, built once."""
    index = itemsets.__dict__.get("_index")
    if index is None:
        index = itemsets.__dict__["_index"] = SetIndex(itemsets)
    return index
