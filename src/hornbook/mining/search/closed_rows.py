"""The classes of `closed`: rows with the items that all their baskets hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hornbook.mining.baskets import sort_each
from hornbook.mining.search import bitsets, item_rows
from hornbook.mining.search.item_rows import CODE_BITS, Rows, representatives, runs, sums_of


@dataclass(slots=True)
class Classes:
    """Closed sets, and the items that may still be added to them.

    Attributes:
        rows: The rows, and the tails of each class.
        common: `(words, rows)`, the items that all baskets of a row hold; see `bitsets`.
        closed: `(words, classes)`, the items of each closed set.
        supports: `(tails,)`, number of baskets of its class that hold each tail.
    """

    rows: Rows
    common: np.ndarray
    closed: np.ndarray
    supports: np.ndarray

    def common_of(self, rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Returns the items that all baskets of each group of rows hold, `(words, groups)`."""
        return np.array([np.bitwise_and.reduceat(word.take(rows), starts) for word in self.common])

    def with_all_tails(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns each class's set with all its tails, as its support and as bits."""
        rows = self.rows
        full = np.flatnonzero(rows.lengths == rows.tail_counts.take(rows.owners))
        weights = None if rows.weights is None else rows.weights.take(full)
        counts = np.bincount(rows.owners.take(full), weights, minlength=len(rows.tail_counts))
        sets = bitsets.bits_of(rows.tails, rows.tail_firsts, 64 * len(self.closed)) | self.closed
        return counts.astype(np.int64), sets

    def merged(self) -> Classes:
        """Returns the classes with rows of equal tails merged."""
        rows = self.rows
        unique = -1 - np.arange(len(rows.lengths))  # codes of rows that must not be merged
        short = rows.tail_counts.take(rows.owners) <= CODE_BITS
        codes = np.where(short, rows.codes(), unique)
        distinct, weights, common = merge(codes, rows.owners, rows.weights, self.common)
        rows = rows.take(distinct)
        rows.weights = weights
        return replace(self, rows=rows, common=common)

    def take(self, classes: np.ndarray) -> Classes:
        """Returns some of the classes."""
        rows = self.rows
        if len(classes) == len(rows.tail_counts):
            return self
        index = np.full(len(rows.tail_counts), -1)
        index[classes] = np.arange(len(classes))
        row_indices = np.flatnonzero(index.take(rows.owners) >= 0)
        tail_counts = rows.tail_counts.take(classes)
        _, tails = runs(rows.tail_firsts.take(classes), tail_counts)
        fewer = rows.take(row_indices)
        fewer.owners = index.take(fewer.owners)
        fewer.prefixes = rows.prefixes.take(classes, axis=0)
        fewer.tail_counts = tail_counts
        fewer.tails = rows.tails.take(tails)
        return Classes(
            fewer,
            self.common.take(row_indices, axis=1),
            self.closed.take(classes, axis=1),
            self.supports.take(tails),
        )


def merge(
    codes: np.ndarray, owners: np.ndarray, weights: np.ndarray | None, common: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merges equal rows into one; see `item_rows.merge_equal`.

    Returns:
        The indices of the distinct rows, their total weights, and the items that all their baskets
        hold.
    """
    equal = representatives(codes, owners)
    sums = np.bincount(equal, weights, minlength=len(codes))
    distinct = np.flatnonzero(sums)
    result = common.copy()
    for result_word, word in zip(result, common, strict=True):
        np.bitwise_and.at(result_word, equal, word)
    return distinct, sums.take(distinct).astype(np.float64), result.take(distinct, axis=1)


def join(parts: Sequence[Classes]) -> Classes:
    """Concatenates several `Classes`."""
    return Classes(
        item_rows.join([part.rows for part in parts]),
        np.concatenate([part.common for part in parts], axis=1),
        np.concatenate([part.closed for part in parts], axis=1),
        np.concatenate([part.supports for part in parts]),
    )


def root_class(baskets: Rows, total: int) -> Classes:
    """Returns the class of all baskets, whose closed set is the items that are in every basket.

    Args:
        baskets: The one class of all baskets, not sorted yet.
        total: Number of baskets, by weight.
    """
    number = len(baskets.tails)
    items = sort_each(baskets.items, baskets.lengths)
    common = bitsets.bits_of(items, baskets.firsts, number)
    weights = baskets.weights
    entry_weights = None if weights is None else np.repeat(weights, baskets.lengths)
    supports = np.bincount(items, entry_weights, minlength=number).astype(np.int64)
    tails = np.flatnonzero(supports < total)
    constants = np.flatnonzero(supports == total)  # in every basket
    closed = np.zeros((len(common), 1), np.uint64)
    if len(constants):
        closed = bitsets.bits_of(constants, np.zeros(1, np.int64), number)
    place = np.full(number, -1)
    place[tails] = np.arange(len(tails))
    items = place.take(items)
    is_tail = items >= 0
    ends = sums_of(is_tail).take(sums_of(baskets.lengths))
    lengths = np.diff(ends)
    nonempty = np.flatnonzero(lengths)
    rows = Rows(
        items[is_tail],
        lengths.take(nonempty),
        np.zeros(len(nonempty), np.int64),
        None if weights is None else weights.take(nonempty).astype(np.float64),
        np.empty((1, 0), baskets.tails.dtype),
        np.array([len(tails)]),
        tails,
    )
    return Classes(rows, common.take(nonempty, axis=1), closed, supports.take(tails))
