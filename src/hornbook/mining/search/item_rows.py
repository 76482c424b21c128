"""Rows of items, many classes of them side by side in flat arrays.

A class is a frequent itemset (its prefix) with the work that remains for it: the
items that may still extend it (its tails, rarest first), and the baskets that hold it,
each reduced to the tails it holds.  Those reduced baskets are the rows.  All classes of a
step lie in the same few arrays, so that NumPy works on thousands of them in one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

# A row of a class with at most this many tails fits the bits of one integer.
CODE_BITS = 62


@dataclass(slots=True)
class Rows:
    """Classes and their rows.

    Attributes:
        items: `(entries,)` the rows one after the other; an entry is a position in its
            class's tails, ascending inside a row; no row is empty.
        lengths: `(rows,)` entries in each row.
        owners: `(rows,)` the class of each row.
        weights: `(rows,)` how many baskets a row stands for (float64), or None: one each.
        prefixes: `(classes, depth)` ranks of the items of each class's set.
        tail_counts: `(classes,)` number of tails of each class.
        tails: the ranks of all tails, class after class.
    """

    items: np.ndarray
    lengths: np.ndarray
    owners: np.ndarray
    weights: np.ndarray | None
    prefixes: np.ndarray
    tail_counts: np.ndarray
    tails: np.ndarray

    @property
    def firsts(self) -> np.ndarray:
        """`(rows,)` where each row starts in `items`."""
        firsts: np.ndarray = np.cumsum(self.lengths) - self.lengths
        return firsts

    @property
    def tail_firsts(self) -> np.ndarray:
        """`(classes,)` where each class's tails start in `tails`."""
        firsts: np.ndarray = np.cumsum(self.tail_counts) - self.tail_counts
        return firsts

    @property
    def tails_behind(self) -> np.ndarray:
        """`(tails,)` how many tails of the same class lie behind each tail."""
        ends = np.cumsum(self.tail_counts)
        return np.repeat(ends, self.tail_counts) - np.arange(len(self.tails)) - 1

    def with_tails(self, tails: np.ndarray) -> np.ndarray:
        """`(tails, depth + 1)` the sets of the classes of some tails, with these tails."""
        parents = np.searchsorted(np.cumsum(self.tail_counts), tails, "right")
        sets = np.empty((len(tails), self.prefixes.shape[1] + 1), self.tails.dtype)
        sets[:, :-1] = self.prefixes.take(parents, axis=0)
        sets[:, -1] = self.tails.take(tails)
        return sets

    def codes(self) -> np.ndarray:
        """`(rows,)` int64: bit `i` of a row's code says whether it holds tail `i`.

        Wrong for rows of classes with more than `CODE_BITS` tails.
        """
        bits = np.left_shift(np.int64(1), np.minimum(self.items, CODE_BITS), dtype=np.int64)
        return np.bitwise_or.reduceat(bits, self.firsts)

    def without_items(self, rows: np.ndarray) -> Rows:
        """The same classes with only some of the rows, and nothing of these but their weights."""
        weights = None if self.weights is None else self.weights.take(rows)
        nothing = self.items[:0]
        return replace(
            self, items=nothing, lengths=nothing, owners=self.owners.take(rows), weights=weights
        )

    def take(self, rows: np.ndarray) -> Rows:
        """The same classes with only some of the rows."""
        lengths = self.lengths.take(rows)
        _, entries = runs(self.firsts.take(rows), lengths)
        return Rows(
            self.items.take(entries),
            lengths,
            self.owners.take(rows),
            None if self.weights is None else self.weights.take(rows),
            self.prefixes,
            self.tail_counts,
            self.tails,
        )


def spell_out(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The items and lengths of rows with these codes, the inverse of `Rows.codes`."""
    little = codes.astype("<i8", copy=False).view(np.uint8)
    items = np.flatnonzero(np.unpackbits(little, bitorder="little")) % 64
    return items, np.bitwise_count(codes).astype(np.int64)


def runs(firsts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lays out runs of consecutive numbers one after the other.

    Args:
        firsts: `(runs,)` the number each run starts with.
        lengths: `(runs,)` how long each run is; none may be 0.

    Returns:
        For every element the index of its run, and its number.
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    run = np.zeros(total, np.int64)
    numbers = np.ones(total, np.int64)
    if total:
        run[ends[:-1]] = 1
        numbers[0] = firsts[0]
        numbers[ends[:-1]] = firsts[1:] - firsts[:-1] - lengths[:-1] + 1
    np.cumsum(run, out=run)
    np.cumsum(numbers, out=numbers)
    return run, numbers


def sums_of(numbers: np.ndarray) -> np.ndarray:
    """`(numbers + 1,)` the sums of the first 0, 1, 2, ... numbers."""
    sums = np.zeros(len(numbers) + 1, np.int64)
    np.cumsum(numbers, out=sums[1:])
    return sums


def join(parts: Sequence[Rows]) -> Rows:
    """One `Rows` of several whose prefixes have the same length."""
    if len(parts) == 1:
        return parts[0]
    classes = np.cumsum([0] + [len(part.tail_counts) for part in parts])
    return Rows(
        np.concatenate([part.items for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        np.concatenate([part.owners + first for part, first in zip(parts, classes, strict=False)]),
        None
        if parts[0].weights is None
        else np.concatenate([part.weights for part in parts if part.weights is not None]),
        np.concatenate([part.prefixes for part in parts]),
        np.concatenate([part.tail_counts for part in parts]),
        np.concatenate([part.tails for part in parts]),
    )


def merge_equal(
    codes: np.ndarray, owners: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Finds rows that are equal and lets one of them stand for all.

    Args:
        codes: `(rows,)` int64.
        owners: `(rows,)` the class of each row.
        weights: `(rows,)` float64, or None.

    Returns:
        The numbers of the representatives and their summed weights.
    """
    sums = np.bincount(representatives(codes, owners), weights, minlength=len(codes))
    kept = np.flatnonzero(sums)
    return kept, sums.take(kept).astype(np.float64)


def representatives(codes: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """`(rows,)` the number of a row that is equal to each: the same one for equal rows.

    Every row writes its number into a slot of a hash table; who is read back from the slot
    is the representative, if it really is equal.  A row that shares its slot with another
    kind of row stays alone, so nothing unequal is merged whatever the hash does.
    """
    number = np.arange(len(codes))
    bits = max(8, len(codes).bit_length() + 1)
    mixed = codes.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing
    mixed ^= owners.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    slots = (mixed >> np.uint64(64 - bits)).astype(np.int64)
    table = np.empty(1 << bits, np.int64)
    table[slots] = number
    candidate = table.take(slots)
    equal = (codes.take(candidate) == codes) & (owners.take(candidate) == owners)
    return np.where(equal, candidate, number)
