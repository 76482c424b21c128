"""Collects the itemsets of a search, and stops it if there are too many.

Sets of one length are the rows of a matrix of item ranks: two bytes per item, and no Python object
per set.  At the end the matrices of all lengths become one array of items with offsets, the layout
of lists in Arrow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hornbook.mining.ordering import canonical_order

MANY = 1_000_000


class SearchStopped(Exception):
    """Raised inside the engine when the limit or the memory is exceeded; callers never see it."""


class _Block(NamedTuple):
    """Sets of one length; see `Collector.add`."""

    ranks: np.ndarray
    counts: np.ndarray
    starts: np.ndarray | None


class Collector:
    """The sets of a search so far, grouped by length.

    Args:
        limit: Maximum number of sets; more raise `SearchStopped`.
        keep: Whether to keep the sets, or only count them.
        when_many: Called once there are more than a million sets, to check whether the search is
            hopeless.
        room: Maximum bytes for the sets, as they are kept here and as `columns` returns them; more
            raise `SearchStopped` and set `is_full`.
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
        self._blocks: dict[int, list[_Block]] = {}

    def announce(self, number: int) -> None:
        """Counts `number` sets that are about to be added, before they take memory."""
        self.count += number
        if self.count > self.limit:
            raise SearchStopped
        if self.when_many is not None and self.count > MANY:
            when_many, self.when_many = self.when_many, None
            when_many()

    def add(self, ranks: np.ndarray, counts: np.ndarray, starts: np.ndarray | None = None) -> None:
        """Adds sets of one length.

        Args:
            ranks: `(sets, length)`, the ranks of their items, ascending in each set.
            counts: `(sets,)`, number of baskets that hold each set.
            starts: Where runs of sets in lexicographic order begin; see `canonical_order`.
        """
        self.room -= bytes_of_sets(len(ranks), ranks.shape[1]) + ranks.nbytes + 8 * len(ranks)
        if self.room < 0:
            self.is_full = True
            raise SearchStopped
        if self.keep and len(ranks):
            self._blocks.setdefault(ranks.shape[1], []).append(_Block(ranks, counts, starts))

    def columns(self, item_of_rank: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns all sets in canonical order, shortest first; see `ordering`.

        Args:
            item_of_rank: `(items,)`, the item of each rank; ranks are in the order of items.

        Returns:
            offsets `(sets + 1,)` int64, items `(sum of lengths,)` int32 and counts
            `(sets,)` int64: set `i` is `items[offsets[i]:offsets[i + 1]]`.
        """
        numbers = {
            length: sum(len(block.counts) for block in self._blocks[length])
            for length in sorted(self._blocks)
        }
        offsets = np.zeros(sum(numbers.values()) + 1, np.int64)
        offsets[1:] = np.repeat(list(numbers), list(numbers.values()))
        np.cumsum(offsets, out=offsets)
        items = np.empty(int(offsets[-1]), np.int32)
        counts = np.empty(len(offsets) - 1, np.int64)
        item_of_rank = item_of_rank.astype(np.int32)
        first = 0
        for length, number in numbers.items():
            sets = _join(self._blocks.pop(length))  # released as soon as they are copied
            order = canonical_order(sets.ranks, sets.counts, len(item_of_rank), sets.starts)
            ranks = sets.ranks.take(order, axis=0)
            rows = items[offsets[first] : offsets[first + number]].reshape(ranks.shape)
            item_of_rank.take(ranks, out=rows, mode="clip")  # unbuffered; none is out of range
            sets.counts.take(order, out=counts[first : first + number], mode="clip")
            first += number
        return offsets, items, counts


def _join(blocks: list[_Block]) -> _Block:
    """Concatenates blocks of the same length."""
    ranks = np.concatenate([block.ranks for block in blocks])
    counts = np.concatenate([block.counts for block in blocks], dtype=np.int64, casting="unsafe")
    if all(block.starts is None for block in blocks):
        return _Block(ranks, counts, None)
    starts, first = [], 0
    for block in blocks:
        block_starts = np.arange(len(block.counts)) if block.starts is None else block.starts
        starts.append(block_starts + first)
        first += len(block.counts)
    return _Block(ranks, counts, np.concatenate(starts))


def bytes_of_sets(number: int, length: int) -> int:
    """Returns the bytes of `number` sets of one length in the columns of `Itemsets`."""
    return number * (4 * length + 16)
