"""The search engine: from baskets of item codes to all frequent itemsets, in columns.

Items are ranked from rarest to most frequent.  The first step finds the frequent pairs, from the
bit columns of dense data or the rows of sparse data.  Then `projection.descend` does the rest,
whatever the data.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbook.mining.baskets import Baskets, sort_each
from hornbook.mining.ordering import order_of_items
from hornbook.mining.search import bit_columns, closed, matrices
from hornbook.mining.search.collecting import Collector
from hornbook.mining.search.item_rows import Rows
from hornbook.mining.search.projection import descend

BYTES_PER_ENTRY = 256  # approximate memory per row entry, with everything computed from it


def search(
    baskets: Baskets, minimum: int, longest: int, collector: Collector, memory: int = 1 << 31
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs `mine` within `memory` bytes."""
    return mine(
        baskets.codes,
        baskets.lengths,
        baskets.weights,
        minimum,
        longest,
        collector,
        entries_in(memory),
        baskets.labels,
    )


def entries_in(memory: int) -> int:
    """Returns the number of entries of child rows that fit into `memory` bytes."""
    return max(1 << 15, memory // BYTES_PER_ENTRY)


def mine(
    codes: np.ndarray,
    lengths: np.ndarray,
    weights: np.ndarray | None,
    minimum: int,
    longest: int = 2**31,
    collector: Collector | None = None,
    entries: int = 1 << 22,
    labels: Any = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Finds all sets of items that at least `minimum` baskets hold.

    Args:
        codes: `(entries,)`, item codes from 0, one basket after another.
        lengths: `(baskets,)`, number of items in each basket.
        weights: `(baskets,)` integers, or None for one each.
        minimum: Minimum (weighted) count of a frequent set, at least 1.
        longest: Maximum number of items in a set.
        collector: Collects the sets, up to its limit.
        entries: Maximum entries of child rows at a time, of 8 to 40 bytes each.
        labels: The name of each code, for the order of equally frequent items.  Defaults to the
            codes.

    Returns:
        Offsets, items and counts, as described in `Collector.columns`.
    """
    collector = Collector(2**62) if collector is None else collector
    root, supports, item_of_rank = _root(codes, lengths, weights, minimum, labels)
    number = len(root.tails)
    collector.announce(number)
    collector.add(root.tails[:, None], supports)
    if longest > 1 and len(root.lengths):
        _find_larger(root, minimum, longest, collector, entries)
    return collector.columns(item_of_rank)


def _find_larger(
    root: Rows, minimum: int, longest: int, collector: Collector, entries: int
) -> None:
    """Finds all sets of two or more items, starting in the cheapest layout."""
    number = len(root.tails)
    if bit_columns.is_cheaper(
        number, root.lengths, 32 * entries
    ) and bit_columns.first_step_by_columns(root, minimum, longest, collector, entries):
        return
    if root.weights is None and matrices.is_cheaper(number, root.lengths, entries):
        matrices.first_step_by_matrices(root, minimum, longest, collector, entries)
    else:
        root.items = sort_each(root.items, root.lengths)
        descend(root, minimum, longest, collector, entries)


def mine_condensed(
    codes: np.ndarray,
    lengths: np.ndarray,
    weights: np.ndarray | None,
    minimum: int,
    maximal: bool,
    collector: Collector,
    entries: int = 1 << 22,
    only_dense: bool = False,
    labels: Any = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Finds all closed or maximal frequent sets directly; see `mine` and `closed`.

    Returns:
        As `mine`.  None for sparse baskets if `only_dense`, and if a bit per basket and frequent
        item takes more memory than the child rows may.
    """
    root, _, item_of_rank = _root(codes, lengths, weights, minimum, labels)
    number = len(root.tails)
    if number * max(number, len(lengths)) > 256 * entries:
        return None
    if only_dense and not bit_columns.is_cheaper(number, root.lengths, 32 * entries):
        return None
    total = len(lengths) if weights is None else int(weights.sum())
    closed.find_condensed(root, total, minimum, maximal, collector, entries)
    return collector.columns(item_of_rank)


def _root(
    codes: np.ndarray,
    lengths: np.ndarray,
    weights: np.ndarray | None,
    minimum: int,
    labels: Any,
) -> tuple[Rows, np.ndarray, np.ndarray]:
    """Returns the one class of all baskets, the supports of its tails, and the item per rank."""
    codes, lengths, weights, item_of_rank, supports = _rank(
        codes, lengths, weights, minimum, labels
    )
    number = len(item_of_rank)
    ranks = np.arange(number, dtype=np.uint16 if number < 1 << 16 else np.int32)
    root = Rows(
        codes,
        lengths,
        np.zeros(len(lengths), np.int64),
        weights,
        np.empty((1, 0), ranks.dtype),
        np.array([number]),
        ranks,
    )
    return root, supports, item_of_rank


def _rank(
    codes: np.ndarray,
    lengths: np.ndarray,
    weights: np.ndarray | None,
    minimum: int,
    labels: Any,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray, np.ndarray]:
    """Drops infrequent items and empty baskets, and renames the other items by rank."""
    counts = None if weights is None else np.repeat(weights, lengths)
    supports = np.bincount(codes, counts).astype(np.int64)
    frequent = np.flatnonzero(supports >= minimum)
    frequent = frequent.take(order_of_items(frequent, supports.take(frequent), labels))
    dtype = np.uint16 if len(frequent) < 1 << 16 else np.int32
    absent = np.iinfo(dtype).max
    rank = np.full(len(supports), absent, dtype)
    rank[frequent] = np.arange(len(frequent))
    ranks = rank.take(codes)
    is_frequent = ranks != absent
    if counts is not None:
        is_frequent &= counts > 0
    entries = np.flatnonzero(is_frequent)
    if len(entries) < len(codes):
        ranks = ranks.take(entries)
        before = np.zeros(len(codes) + 1, np.int64)
        np.cumsum(is_frequent, out=before[1:])
        ends = np.cumsum(lengths)
        lengths = before.take(ends) - before.take(ends - lengths)
    nonempty = np.flatnonzero(lengths)
    if len(nonempty) < len(lengths):
        lengths = lengths.take(nonempty)
        weights = None if weights is None else weights.take(nonempty)
    return ranks, lengths, weights, frequent, supports[frequent]
