"""Collects itemsets while they are found, and stops a flood of them.

Sets of one length are kept as the rows of a matrix of item ranks: two bytes an item, no
Python object for any set.  At the end the matrices of all lengths become one array of
items with offsets, which is also how Arrow stores lists.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

MANY = 1_000_000


class TooManyItemsets(Exception):
    """Raised inside the engine when the limit or the room is passed; never seen by the caller."""


class Found:
    """The sets found so far, grouped by length.

    Args:
        limit: More sets than this raise `TooManyItemsets`.
        keep: False only counts them.
        when_many: Called once, when a million sets are passed: the moment to find out
            whether this is hopeless.
        room: Bytes that the sets may take, as they are kept here and as `columns` returns
            them; more raise `TooManyItemsets`, and `is_full` says why.
    """

    def __init__(
        self,
        limit: int,
        keep: bool = True,
        when_many: Callable[[], None] | None = None,
        room: int = 2**62,
    ):
        self.limit = limit
        self.keep = keep
        self.when_many = when_many
        self.room = room
        self.is_full = False
        self.count = 0
        self._sets: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}

    def announce(self, number: int) -> None:
        """Counts `number` sets that are about to be added, before memory is spent on them."""
        self.count += number
        if self.count > self.limit:
            raise TooManyItemsets
        if self.when_many is not None and self.count > MANY:
            when_many, self.when_many = self.when_many, None
            when_many()

    def add(self, ranks: np.ndarray, counts: np.ndarray) -> None:
        """Adds sets of one length: `ranks` is `(sets, length)`, `counts` is `(sets,)`."""
        self.room -= bytes_of_sets(len(ranks), ranks.shape[1]) + ranks.nbytes + 8 * len(ranks)
        if self.room < 0:
            self.is_full = True
            raise TooManyItemsets
        if self.keep and len(ranks):
            self._sets.setdefault(ranks.shape[1], []).append((ranks, counts))

    def columns(self, item_of_rank: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All sets, shortest first.

        Returns:
            offsets `(sets + 1,)` int64, items `(sum of lengths,)` int32 and counts
            `(sets,)` int64: set `i` is `items[offsets[i]:offsets[i + 1]]`.
        """
        blocks = [block for length in sorted(self._sets) for block in self._sets[length]]
        number = sum(len(ranks) for ranks, _ in blocks)
        offsets = np.zeros(number + 1, np.int64)
        at = 1
        for ranks, _ in blocks:
            offsets[at : at + len(ranks)] = ranks.shape[1]
            at += len(ranks)
        np.cumsum(offsets, out=offsets)
        items = np.empty(int(offsets[-1]), np.int32)
        counts = np.empty(number, np.int64)
        item_of_rank = item_of_rank.astype(np.int32)
        at = first = 0
        self._sets.clear()
        blocks.reverse()
        while blocks:  # each is let go as soon as it is copied
            ranks, block_counts = blocks.pop()
            items[at : at + ranks.size] = item_of_rank.take(ranks.ravel())
            counts[first : first + len(ranks)] = block_counts
            at, first = at + ranks.size, first + len(ranks)
        return offsets, items, counts


def bytes_of_sets(number: int, length: int) -> int:
    """What so many sets of one length take in the columns of `Itemsets`."""
    return number * (4 * length + 16)
