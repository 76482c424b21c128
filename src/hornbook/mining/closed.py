"""Closed and maximal sets found directly, without all frequent sets on the way.

Where many items always come together, there are far more frequent sets than closed ones.
The search goes down from a class (a closed set and the baskets that hold it) to each of
its tails, and adds at once every item that all baskets of the child hold.  Items that were
tried before a tail are kept beside the tails, as excluded ones: when all baskets of a
child hold one of them, the child and all below it were found with that item already.  So
every closed set is met once, and nothing has to be remembered.

Reference: Uno, Asai, Uchida and Arimura, LCM ver. 2, 2004, which prunes in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hornbook.mining.columns import bit_columns, count_pairs
from hornbook.mining.found import Found
from hornbook.mining.rows import Rows
from hornbook.mining.superset_sums import bit_positions

# Tables of 2 ** 11 sets are cheaper than another step down; up to 2 ** 15 are when there
# are rows enough.
_ALWAYS, _MOST, _SUMS_PER_ROW = 10, 15, 16
# A matrix product counts the pairs of smaller classes, bits those of larger ones.
_PRODUCT = 1 << 20
_CHUNK = 1 << 22


@dataclass(slots=True)
class Class:
    """A closed set, and what may still be added to it.

    Attributes:
        prefix: `(length,)` ranks of the items of the set.
        items: `(items,)` the ranks of its tails, then of the excluded items.
        tails: how many of them are tails.
        columns: `(items, rows)` booleans: which different rows hold which item.
        weights: `(rows,)` float64, how many baskets each row stands for, or None: one.
    """

    prefix: np.ndarray
    items: np.ndarray
    tails: int
    columns: np.ndarray
    weights: np.ndarray | None


def find_condensed(rows: Rows, total: int, minimum: int, maximal: bool, found: Found) -> None:
    """Finds every closed, or every maximal, frequent set.

    Args:
        rows: The one class of all baskets; see `Rows`.
        total: The number of baskets, by weight, with those that `rows` leaves out.
        minimum: The smallest count that is frequent.
        maximal: Only sets without a frequent superset.
        found: Gets the sets.
    """
    number = len(rows.tails)
    root = Class(rows.tails[:0], rows.tails, number, bit_columns(rows), rows.weights)
    counts = _pair_counts(root)
    everywhere = counts.diagonal() == total
    if everywhere.any():
        some = np.concatenate([np.flatnonzero(~everywhere), np.flatnonzero(everywhere)])
        root = Class(
            rows.tails[everywhere],
            rows.tails[~everywhere],
            number - int(everywhere.sum()),
            root.columns[~everywhere],
            rows.weights,
        )
        counts = counts[np.ix_(some, some)][: root.tails, : root.tails]
        if root.tails == 0 or not maximal:
            _add(root.prefix[None], np.array([total]), found)
    for child in _children(root, counts, minimum, maximal, found):
        _search(child, minimum, maximal, found)


def _search(node: Class, minimum: int, maximal: bool, found: Found) -> None:
    """Everything below one class."""
    rows = node.columns.shape[1]
    if node.tails <= _ALWAYS or (node.tails <= _MOST and 1 << node.tails <= _SUMS_PER_ROW * rows):
        _end(node, minimum, maximal, found)
        return
    for child in _children(node, _pair_counts(node), minimum, maximal, found):
        _search(child, minimum, maximal, found)


def _pair_counts(node: Class) -> np.ndarray:
    """`(tails, items)` the baskets that hold a tail together with each item."""
    columns, weights = node.columns, node.weights
    if node.tails * columns.size <= _PRODUCT:
        values = columns.astype(np.float64)
        weighted = values[: node.tails] if weights is None else values[: node.tails] * weights
        return (weighted @ values.T).astype(np.int64)
    counts = count_pairs(columns, weights)
    counts += counts.T
    alone = columns.sum(axis=1) if weights is None else columns @ weights
    np.fill_diagonal(counts, alone.astype(np.int64))
    return counts[: node.tails]


def _children(
    node: Class, counts: np.ndarray, minimum: int, maximal: bool, found: Found
) -> Iterator[Class]:
    """Adds the closed set of each tail, and yields those that can grow."""
    place = np.arange(len(node.items))
    is_tail = place < node.tails
    for tail, together in enumerate(counts):
        support = together[tail]
        in_all = together == support
        later = is_tail & (place > tail)
        others = ~later & (place != tail)
        if (in_all & others).any():
            continue  # found below that other item
        frequent = together >= minimum
        added = np.flatnonzero(in_all & later)
        tails = np.flatnonzero(frequent & later & ~in_all)
        tails = tails.take(np.argsort(together.take(tails), kind="stable"))
        excluded = np.flatnonzero(frequent & others)
        prefix = np.concatenate([node.prefix, node.items[[tail]], node.items.take(added)])
        if not maximal or not (len(tails) or len(excluded)):
            _add(prefix[None], together[[tail]], found)
        if len(tails):
            held = np.flatnonzero(node.columns[tail])
            kept = np.concatenate([tails, excluded])
            columns = np.array([node.columns[item].take(held) for item in kept.tolist()])
            weights = None if node.weights is None else node.weights.take(held)
            columns, weights = _merged(columns, weights, len(tails))
            yield Class(prefix, node.items.take(kept), len(tails), columns, weights)


def _merged(
    columns: np.ndarray, weights: np.ndarray | None, tails: int
) -> tuple[np.ndarray, np.ndarray]:
    """The different rows among those that hold a tail, and how many baskets each stands for."""
    filled = np.flatnonzero(columns[:tails].any(axis=0))
    columns = columns.take(filled, axis=1)
    packed = np.packbits(columns, axis=0)
    words = np.zeros((-(-len(packed) // 8), 8, len(filled)), np.uint8)
    words.reshape(-1, len(filled))[: len(packed)] = packed
    codes = np.ascontiguousarray(words.transpose(0, 2, 1)).view(np.uint64)[..., 0]
    # Sorted by a hash, equal rows are neighbours; others that are too are told apart.
    keys = np.zeros(len(filled), np.uint64)
    for code in codes:
        keys = (keys ^ code) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    order = np.argsort(keys)
    codes = codes.take(order, axis=1)
    new = np.ones(len(order), bool)
    new[1:] = (codes[:, 1:] != codes[:, :-1]).any(axis=0)
    starts = np.flatnonzero(new)
    each = np.ones(len(order)) if weights is None else weights.take(filled).take(order)
    sums = np.add.reduceat(each, starts) if len(starts) else each
    return columns.take(order.take(starts), axis=1), sums


def _end(node: Class, minimum: int, maximal: bool, found: Found) -> None:
    """Adds every closed or maximal set below a class with few tails, by superset sums."""
    number = node.tails
    tails, excluded = node.columns[:number], node.columns[number:]
    codes = np.zeros(tails.shape[1], np.int64)
    for bit, column in enumerate(tails):
        codes |= column.astype(np.int64) << bit
    counts = np.bincount(codes, node.weights, minlength=1 << number).astype(np.int64)
    for bit in range(number):
        halves = counts.reshape(-1, 2, 1 << bit)
        halves[:, 0] += halves[:, 1]
    chosen = counts >= minimum
    chosen[0] = False  # the class itself was added before
    for bit in range(number):
        halves = counts.reshape(-1, 2, 1 << bit)
        larger = halves[:, 1]
        grows = larger >= minimum if maximal else larger == halves[:, 0]
        chosen.reshape(-1, 2, 1 << bit)[:, 0] &= ~grows
    sets = np.flatnonzero(chosen)
    if len(excluded):
        weighted = (excluded * node.weights).T
        step = max(1, _CHUNK // len(codes))
        kept = []
        for start in range(0, len(sets), step):
            some = sets[start : start + step]
            holds = (codes & some[:, None]) == some[:, None]
            together = (holds.astype(np.float64) @ weighted).max(axis=1)
            kept.append(some[together < (minimum if maximal else counts.take(some))])
        sets = np.concatenate(kept) if kept else sets
    positions, sizes = bit_positions(_MOST)
    size = sizes.take(sets)
    for length in np.unique(size).tolist():
        some = sets[size == length]
        ranks = np.empty((len(some), len(node.prefix) + length), node.items.dtype)
        ranks[:, : len(node.prefix)] = node.prefix
        ranks[:, len(node.prefix) :] = node.items.take(positions.take(some, axis=0)[:, :length])
        _add(ranks, counts.take(some), found)


def _add(ranks: np.ndarray, counts: np.ndarray, found: Found) -> None:
    found.announce(len(ranks))
    found.add(ranks, counts)
