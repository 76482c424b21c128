"""The first step for sparse data: counts pairs in baskets of one length at a time.

Sorted baskets of one length form a matrix.  The indices of all pairs of items are sums of two of
its columns, without lookups, and one `bincount` counts them all.  Once the frequent pairs are
known, the same sums give the tails of each item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hornbook.mining.baskets import same_length
from hornbook.mining.search.collecting import Collector
from hornbook.mining.search.item_rows import Rows, sums_of
from hornbook.mining.search.projection import finish
from hornbook.mining.search.triples import in_triples

_BASKETS = 4096  # processed at a time, so that their pairs fit into the cache
_FEW = 1 << 19  # pairs: with fewer, the NumPy calls cost more than the work
_COUNTED = 1 << 20  # pairs counted at once, if the table of pairs is no larger


def is_cheaper(number: int, lengths: np.ndarray, entries: int) -> bool:
    """Whether a table of all pairs of `number` items fits, and is not mostly empty."""
    pairs = float((lengths * (lengths - 1) / 2).sum())
    cells = number * (number - 1) / 2
    return pairs > _FEW and cells < min(pairs / 2, 2 * entries) and number < 1 << 15


def first_step_by_matrices(
    rows: Rows, minimum: int, longest: int, collector: Collector, entries: int
) -> None:
    """Finds every frequent set of two or more items.

    Args:
        rows: The one class of all baskets, with no prefix and no weights; see `Rows`.
        minimum, longest, collector, entries: See `projection.descend`.
    """
    number = len(rows.tails)
    matrices = [
        np.sort(rows.items.take(places), axis=1).T.copy()  # (items, baskets)
        for _, places in same_length(rows.lengths, _BASKETS)
        if places.shape[1] > 1
    ]
    # `origin[x] + y` is the cell of the pair of x and a later y
    items = np.arange(number)
    starts = items * (2 * number - items - 1) // 2
    origin = starts - items - 1
    size = number * (number - 1) // 2
    cell_counts = _count(matrices, origin, size)
    frequent = np.flatnonzero(cell_counts >= minimum)
    collector.announce(len(frequent))
    first = np.searchsorted(starts[:-1], frequent, "right") - 1
    sets = rows.tails.take(np.stack([first, frequent - origin.take(first)], axis=1))
    counts = cell_counts.take(frequent)
    collector.add(sets, counts)
    if longest < 3:
        return
    useful = in_triples(rows, first, frequent - origin.take(first), counts, minimum)
    frequent, first, counts = frequent.take(useful), first.take(useful), counts.take(useful)
    partners = np.bincount(first, minlength=number)
    ends = np.cumsum(partners)
    place = np.full(size, -1, np.int16)
    entry_ends = sums_of(counts).take(ends)
    low = 0
    while low < number:  # all classes at once, or as many as have at most `entries` entries
        before = entry_ends[low - 1] if low else 0
        high = max(low + 1, int(np.searchsorted(entry_ends, before + entries, "right")))
        grows = (partners > 1) & (items >= low) & (items < high)
        low = high
        inside = np.flatnonzero(grows.take(first))
        if len(inside):
            pairs = frequent.take(inside)
            place[pairs] = inside - (ends - partners).take(first.take(inside))
            entry, lengths, owner = _children(matrices, origin, place, grows)
            place[pairs] = -1
            classes = np.flatnonzero(grows)
            children = Rows(
                entry,
                lengths,
                (np.cumsum(grows) - 1).take(owner),
                None,
                rows.tails.take(classes)[:, None],
                partners.take(classes),
                rows.tails.take(pairs - origin.take(first.take(inside))),
            )
            finish(children, minimum, longest, collector, entries)


def _cells(
    matrices: Sequence[np.ndarray], origin: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yields, for each column of each matrix, its items, their origins, and the later columns."""
    for matrix in matrices:
        for column in range(len(matrix) - 1):
            items = matrix[column]
            yield items, origin.take(items), matrix[column + 1 :]


def _count(matrices: Sequence[np.ndarray], origin: np.ndarray, size: int) -> np.ndarray:
    """Returns how often each cell occurs, `(size,)`."""
    counts = np.zeros(size, np.int64)
    largest = max((matrix[1:].size for matrix in matrices), default=0)
    buffer = np.empty(max(_COUNTED, size, largest), np.int64)
    end = 0  # of the cells in the buffer
    for _, base, later in _cells(matrices, origin):
        if end + later.size > len(buffer):
            counts += np.bincount(buffer[:end], minlength=size)
            end = 0
        cells = buffer[end : end + later.size].reshape(later.shape)
        np.add(base, later, out=cells)
        end += later.size
    counts += np.bincount(buffer[:end], minlength=size)
    return counts


def _children(
    matrices: Sequence[np.ndarray], origin: np.ndarray, place: np.ndarray, grows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the rows of the children with two or more entries: entries, lengths, first items.

    Args:
        matrices: `(items, baskets)` each, ascending.
        origin: See `first_step_by_matrices`.
        place: For each cell, the index of the later item among the tails of its class, or -1.
        grows: `(items,)` booleans: the items that have children.
    """
    parts = []
    for items, base, later in _cells(matrices, origin):
        growing = np.flatnonzero(grows.take(items))
        if len(later) < 2 or not len(growing):
            continue
        if len(growing) < len(items) / 2:
            items, base = items.take(growing), base.take(growing)
            later = later.take(growing, axis=1)
        entries = place.take(base + later)
        is_tail = entries >= 0
        lengths = np.add.reduce(is_tail, axis=0, dtype=np.uint16)
        is_long = lengths > 1
        is_tail &= is_long
        long = np.flatnonzero(is_long)
        tail_entries = entries.T.ravel().take(np.flatnonzero(is_tail.T))
        parts.append((tail_entries, lengths.take(long), items.take(long)))
    nothing = (np.empty(0, np.int16), np.empty(0, np.int64), np.empty(0, np.uint16))
    entries, lengths, owners = map(np.concatenate, zip(*(parts or [nothing]), strict=True))
    return entries, lengths.astype(np.int64), owners
