"""Looks up itemsets among many: a hash table in three arrays.

Each item gets a random 64-bit number, and the key of a set is the sum of its items' numbers, so
that the key of a subset is one subtraction away.  No two sets of the table have the same key, so
the lookup of a set that is in it is always correct.
"""

from __future__ import annotations

import numpy as np

from hornbook.mining.itemsets import Itemsets


class SetIndex:
    """Finds the sets of `itemsets` by key.

    Attributes:
        item_keys: `(items,)` uint64, a random number per item code.
        keys: `(sets,)` uint64, the sum of the item keys of each set modulo 2 ** 64.
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
        """Fills the table level by level; returns False if two sets have the same key."""
        self._shift = np.uint64(64 - max(4, (2 * len(self.keys)).bit_length()))
        self._slots: list[np.ndarray] = []
        rest = np.arange(len(self.keys))
        for _ in range(64):
            slots = np.full(1 << (64 - int(self._shift)), -1, np.int32)
            where = self._slot_of(self.keys.take(rest), len(self._slots))
            slots[where] = rest
            self._slots.append(slots)
            rest = rest[slots.take(where) != rest]
            if not len(rest):
                return True
        return False

    def _slot_of(self, keys: np.ndarray, level: int) -> np.ndarray:
        hashes = keys * np.uint64(0x9E3779B97F4A7C15 + 2 * level)
        hashes ^= hashes >> np.uint64(32)
        hashes *= np.uint64(0xBF58476D1CE4E5B9)
        return (hashes >> self._shift).astype(np.int64)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Returns the index of the set with each key, `(keys,)` int64; -1 if there is none."""
        result = np.full(len(keys), -1, np.int64)
        if not len(self.keys):
            return result
        rest = None
        for level, slots in enumerate(self._slots):
            queries = keys if rest is None else keys.take(rest)
            candidates = slots.take(self._slot_of(queries, level)).astype(np.int64)
            # an empty slot ends the search: nothing was moved on to the next level
            is_hit = (candidates >= 0) & (self.keys.take(candidates) == queries)
            if rest is None:
                result = np.where(is_hit, candidates, -1)
                rest = np.flatnonzero(~is_hit & (candidates >= 0))
            else:
                result[rest[is_hit]] = candidates[is_hit]
                rest = rest[~is_hit & (candidates >= 0)]
            if not len(rest):
                break
        return result


def index_of(itemsets: Itemsets) -> SetIndex:
    """Returns the index of `itemsets`, which is built once."""
    index = itemsets.__dict__.get("_index")
    if index is None:
        index = itemsets.__dict__["_index"] = SetIndex(itemsets)
    return index
