"""The classes of `closed`: rows that know what all their baskets hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hornbook.mining.baskets import sort_each
from hornbook.mining.search import bitsets, item_rows
from hornbook.mining.search.item_rows import CODE_BITS, Rows, representatives, runs, sums_of


@dataclass(slots=True)
class Classes:
    """Closed sets and what may still be added to them.

    Attributes:
        rows: The rows, and the tails of each class.
        common: `(words, rows)` the items that all baskets of a row hold; see `bitsets`.
        closed: `(words, classes)` the items of each closed set.
        supports: `(tails,)` in how many baskets of its class each tail is.
    """

    rows: Rows
    common: np.ndarray
    closed: np.ndarray
    supports: np.ndarray

    def common_of(self, rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """`(words, groups)` what all baskets of the rows of each group hold."""
        return np.array([np.bitwise_and.reduceat(word.take(rows), starts) for word in self.common])

    def with_all_tails(self) -> tuple[np.ndarray, np.ndarray]:
        """How many baskets hold a class's set and all its tails, and that set as bits."""
        rows = self.rows
        full = np.flatnonzero(rows.lengths == rows.tail_counts.take(rows.owners))
        weights = None if rows.weights is None else rows.weights.take(full)
        counts = np.bincount(rows.owners.take(full), weights, minlength=len(rows.tail_counts))
        sets = bitsets.bits_of(rows.tails, rows.tail_firsts, 64 * len(self.closed)) | self.closed
        return counts.astype(np.int64), sets

    def merged(self) -> Classes:
        """The same classes; rows with equal tails are one row."""
        rows = self.rows
        own = -1 - np.arange(len(rows.lengths))  # a code of a row that shall not be merged
        short = rows.tail_counts.take(rows.owners) <= CODE_BITS
        codes = np.where(short, rows.codes(), own)
        kept, weights, common = merge(codes, rows.owners, rows.weights, self.common)
        different = rows.take(kept)
        different.weights = weights
        return replace(self, rows=different, common=common)

    def take(self, classes: np.ndarray) -> Classes:
        """Some of the classes."""
        rows = self.rows
        if len(classes) == len(rows.tail_counts):
            return self
        number = np.full(len(rows.tail_counts), -1)
        number[classes] = np.arange(len(classes))
        kept = np.flatnonzero(number.take(rows.owners) >= 0)
        tail_counts = rows.tail_counts.take(classes)
        _, tails = runs(rows.tail_firsts.take(classes), tail_counts)
        fewer = rows.take(kept)
        fewer.owners = number.take(fewer.owners)
        fewer.prefixes = rows.prefixes.take(classes, axis=0)
        fewer.tail_counts = tail_counts
        fewer.tails = rows.tails.take(tails)
        return Classes(
            fewer,
            self.common.take(kept, axis=1),
            self.closed.take(classes, axis=1),
            self.supports.take(tails),
        )


def merge(
    codes: np.ndarray, owners: np.ndarray, weights: np.ndarray | None, common: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lets one row stand for all that are equal; see `item_rows.merge_equal`.

    Returns:
        Which rows are kept, their summed weights, and what all their baskets hold.
    """
    equal = representatives(codes, owners)
    sums = np.bincount(equal, weights, minlength=len(codes))
    kept = np.flatnonzero(sums)
    merged = common.copy()
    for all_of, each in zip(merged, common, strict=True):
        np.bitwise_and.at(all_of, equal, each)
    return kept, sums.take(kept).astype(np.float64), merged.take(kept, axis=1)


def join(parts: Sequence[Classes]) -> Classes:
    """One `Classes` of several."""
    return Classes(
        item_rows.join([part.rows for part in parts]),
        np.concatenate([part.common for part in parts], axis=1),
        np.concatenate([part.closed for part in parts], axis=1),
        np.concatenate([part.supports for part in parts]),
    )


def root_class(baskets: Rows, total: int) -> Classes:
    """The class of all baskets, whose closed set is the items that are in every one.

    Args:
        baskets: The one class of all baskets; not sorted yet.
        total: The number of baskets, by weight.
    """
    number = len(baskets.tails)
    items = sort_each(baskets.items, baskets.lengths)
    common = bitsets.bits_of(items, baskets.firsts, number)
    weights = baskets.weights
    each = None if weights is None else np.repeat(weights, baskets.lengths)
    supports = np.bincount(items, each, minlength=number).astype(np.int64)
    tails = np.flatnonzero(supports < total)
    whole = np.flatnonzero(supports == total)
    closed = np.zeros((len(common), 1), np.uint64)
    if len(whole):
        closed = bitsets.bits_of(whole, np.zeros(1, np.int64), number)
    place = np.full(number, -1)
    place[tails] = np.arange(len(tails))
    items = place.take(items)
    kept = items >= 0
    ends = sums_of(kept).take(sums_of(baskets.lengths))
    lengths = np.diff(ends)
    filled = np.flatnonzero(lengths)
    left = Rows(
        items[kept],
        lengths.take(filled),
        np.zeros(len(filled), np.int64),
        None if weights is None else weights.take(filled).astype(np.float64),
        np.empty((1, 0), baskets.tails.dtype),
        np.array([len(tails)]),
        tails,
    )
    return Classes(left, common.take(filled, axis=1), closed, supports.take(tails))
