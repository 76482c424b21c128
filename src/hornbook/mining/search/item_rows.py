"""Rows of items of many classes, in flat arrays.

A class is a frequent itemset (its prefix) with the work that remains for it: the items that may
still extend it (its tails, rarest first), and the baskets that hold it, each reduced to the tails
it holds.  These reduced baskets are the rows.  All classes of a step share a few arrays, so that
NumPy processes thousands of them in one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

CODE_BITS = 62  # a row of a class with at most this many tails fits into one integer


@dataclass(slots=True)
class Rows:
    """Classes and their rows.

    Attributes:
        items: `(entries,)`, one row after another; an entry is a position in its class's tails,
            ascending within a row; no row is empty.
        lengths: `(rows,)`, number of entries in each row.
        owners: `(rows,)`, the class of each row.
        weights: `(rows,)` float64, number of baskets that a row stands for; None for one each.
        prefixes: `(classes, depth)`, ranks of the items of each class's set.
        tail_counts: `(classes,)`, number of tails of each class.
        tails: The ranks of all tails, one class after another.
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
        """Start of each row in `items`, `(rows,)`."""
        firsts: np.ndarray = np.cumsum(self.lengths) - self.lengths
        return firsts

    @property
    def tail_firsts(self) -> np.ndarray:
        """Start of each class's tails in `tails`, `(classes,)`."""
        firsts: np.ndarray = np.cumsum(self.tail_counts) - self.tail_counts
        return firsts

    @property
    def tails_behind(self) -> np.ndarray:
        """Number of tails after each tail in its class, `(tails,)`."""
        ends = np.cumsum(self.tail_counts)
        return np.repeat(ends, self.tail_counts) - np.arange(len(self.tails)) - 1

    def with_tails(self, tails: np.ndarray) -> np.ndarray:
        """Returns the sets of the classes of some tails, with these tails, `(tails, depth + 1)`."""
        parents = np.searchsorted(np.cumsum(self.tail_counts), tails, "right")
        sets = np.empty((len(tails), self.prefixes.shape[1] + 1), self.tails.dtype)
        sets[:, :-1] = self.prefixes.take(parents, axis=0)
        sets[:, -1] = self.tails.take(tails)
        return sets

    def codes(self) -> np.ndarray:
        """Returns a code per row, `(rows,)` int64: bit `i` is set if it holds tail `i`.

        Not valid for rows of classes with more than `CODE_BITS` tails.
        """
        bits = np.left_shift(np.int64(1), np.minimum(self.items, CODE_BITS), dtype=np.int64)
        return np.bitwise_or.reduceat(bits, self.firsts)

    def without_items(self, rows: np.ndarray) -> Rows:
        """Returns the same classes with some of the rows, of which only the weights remain."""
        weights = None if self.weights is None else self.weights.take(rows)
        nothing = self.items[:0]
        return replace(
            self, items=nothing, lengths=nothing, owners=self.owners.take(rows), weights=weights
        )

    def take(self, rows: np.ndarray) -> Rows:
        """Returns the same classes with some of the rows."""
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
    """Returns the items and lengths of rows with these codes, the inverse of `Rows.codes`."""
    little = codes.astype("<i8", copy=False).view(np.uint8)
    items = np.flatnonzero(np.unpackbits(little, bitorder="little")) % 64
    return items, np.bitwise_count(codes).astype(np.int64)


def runs(firsts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Concatenates runs of consecutive numbers.

    Args:
        firsts: `(runs,)`, the first number of each run.
        lengths: `(runs,)`, the length of each run, at least 1.

    Returns:
        For each element, the index of its run and its number.
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
    """Returns the cumulative sums, beginning with 0, `(numbers + 1,)`."""
    sums = np.zeros(len(numbers) + 1, np.int64)
    np.cumsum(numbers, out=sums[1:])
    return sums


def join(parts: Sequence[Rows]) -> Rows:
    """Concatenates several `Rows` whose prefixes have the same length."""
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
    """Merges equal rows into one.

    Args:
        codes: `(rows,)` int64.
        owners: `(rows,)`, the class of each row.
        weights: `(rows,)` float64, or None.

    Returns:
        The indices of the distinct rows and their total weights.
    """
    sums = np.bincount(representatives(codes, owners), weights, minlength=len(codes))
    distinct = np.flatnonzero(sums)
    return distinct, sums.take(distinct).astype(np.float64)


def representatives(codes: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Returns a representative of each row, `(rows,)` indices: usually the same for equal rows.

    Every row writes its index into a slot of a hash table; the index read back from the slot is the
    representative, if the rows are really equal.  A row that shares its slot with a different one
    represents itself, so unequal rows are never merged, whatever the hash.
    """
    indices = np.arange(len(codes))
    bits = max(8, len(codes).bit_length() + 1)
    hashes = codes.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing
    hashes ^= owners.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    hashes ^= hashes >> np.uint64(29)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    slots = (hashes >> np.uint64(64 - bits)).astype(np.int64)
    table = np.empty(1 << bits, np.int64)
    table[slots] = indices
    candidates = table.take(slots)
    is_equal = (codes.take(candidates) == codes) & (owners.take(candidates) == owners)
    return np.where(is_equal, candidates, indices)
