"""Counts the pairs of tails in thousands of classes at once, and makes classes of them.

For every entry of every row, the entries behind it in the row are written out: a pair of
tails each.  One `bincount` counts the pairs of a whole batch.  A first tail with frequent
partners becomes a class of its own, whose rows are the partners just written out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hornbook.mining.search.item_rows import Rows, runs, sums_of

# Pairs written out in one go: a few MB, large enough that NumPy's cost per call does not
# show; see docs/LOG.md for the figures.
BATCH = 1 << 18
# With more cells than this for a pair, sorting the pairs is cheaper than a table of cells.
CELLS_PER_PAIR = 16


@dataclass(slots=True)
class Batch:
    """The entries of some consecutive children: pairs of a class and a first tail.

    Attributes:
        entries: `(entries,)` where they are in `Rows.items`.
        behind: `(entries,)` how many entries follow in the same row, at least 1.
        children: `(entries,)` the child of each, as the number of its tail in `Rows.tails`.
        rows: `(entries,)` the row of each.
        low, high: the first child and the one after the last.
    """

    entries: np.ndarray
    behind: np.ndarray
    children: np.ndarray
    rows: np.ndarray
    low: int
    high: int


@dataclass(slots=True)
class Pairs:
    """The frequent pairs of a batch, and where the batch has them.

    Attributes:
        first, second: `(pairs,)` both tails of each pair, as their numbers in `Rows.tails`.
        counts: `(pairs,)` how many baskets hold it with the class's set.
        cells: `(pairs,)` the cell in which it was counted, below `size`.
        written: `(written,)` the cell of each pair that was written out.
        entry: `(written,)` the entry of the batch that it starts from.
        weights: `(entries,)` how many baskets each entry stands for, or None: one.
    """

    first: np.ndarray
    second: np.ndarray
    counts: np.ndarray
    cells: np.ndarray
    size: int
    written: np.ndarray
    entry: np.ndarray
    weights: np.ndarray | None

    def take(self, pairs: np.ndarray) -> Pairs:
        """Some of the frequent pairs; what was written out stays."""
        return replace(
            self,
            first=self.first.take(pairs),
            second=self.second.take(pairs),
            counts=self.counts.take(pairs),
            cells=self.cells.take(pairs),
        )


def by_child(children: np.ndarray, number: int) -> np.ndarray:
    """The order of entries by child, of `number` children."""
    # Sixteen-bit keys are sorted by radix, ten times faster than by comparison.
    keys = children.astype(np.uint16) if number <= 1 << 16 else children
    return np.argsort(keys, kind="stable")


def cut(rows: Rows, whole: Batch) -> Iterator[Batch]:
    """Cuts a batch into small ones of whole children.

    Args:
        rows: The rows of the entries.
        whole: All entries, sorted by child.
    """
    number = len(rows.tails)
    starts = sums_of(np.bincount(whole.children, minlength=number))
    pairs = sums_of(whole.behind).take(starts)
    cells = sums_of(rows.tails_behind)
    low = 0
    while low < number:
        by_pairs, by_cells = (
            int(np.searchsorted(sums, sums[low] + BATCH, "right")) - 1 for sums in (pairs, cells)
        )
        # Among very many items most cells stay empty; then cells are no reason to stop.
        empty = pairs[min(by_cells, number)] - pairs[low] < BATCH // CELLS_PER_PAIR
        high = max(low + 1, by_pairs if empty else min(by_pairs, by_cells))
        part = slice(starts[low], starts[high])
        if part.stop > part.start:
            yield Batch(
                whole.entries[part],
                whole.behind[part],
                whole.children[part],
                whole.rows[part],
                low,
                high,
            )
        low = high


def count_pairs(rows: Rows, batch: Batch, minimum: int) -> Pairs:
    """Writes out the pairs of a batch and finds those in at least `minimum` baskets."""
    # Cell of the pair (child, later tail): one stretch per child, as long as the tails
    # behind it.  `origin + position` is the cell, so the first position behind counts 0.
    widths = rows.tails_behind[batch.low : batch.high]
    starts = sums_of(widths)
    size = int(starts[-1])
    first_position = np.repeat(rows.tail_counts, rows.tail_counts)[batch.low : batch.high] - widths
    origin = starts[:-1] - first_position
    entry, other = runs(batch.entries + 1, batch.behind)
    cell = origin.take(batch.children - batch.low).take(entry)
    cell += rows.items.take(other)
    weights = None if rows.weights is None else rows.weights.take(batch.rows)
    cell_of = None
    if size > CELLS_PER_PAIR * len(cell):
        cell_of, cell = np.unique(cell, return_inverse=True)
        size = len(cell_of)
    counts = np.bincount(cell, None if weights is None else weights.take(entry), minlength=size)
    frequent = np.flatnonzero(counts >= minimum)
    pair = frequent if cell_of is None else cell_of.take(frequent)
    first = np.searchsorted(starts, pair, "right") - 1
    distance = pair - starts.take(first)
    first += batch.low
    second = first + 1 + distance
    return Pairs(first, second, counts.take(frequent), frequent, size, cell, entry, weights)


def children(
    rows: Rows, batch: Batch, pairs: Pairs, least: int
) -> tuple[Rows, np.ndarray, np.ndarray] | None:
    """The classes of the first tails with at least `least` partners.

    Returns:
        Of their rows those of `least` entries or more; the child of each class, and the
        entry of the batch of each row.  None if there are no such classes.
    """
    partners = np.bincount(pairs.first - batch.low, minlength=batch.high - batch.low)
    grows = partners >= least
    inside = np.flatnonzero(grows.take(pairs.first - batch.low))
    if not len(inside):
        return None
    starts = np.cumsum(partners) - partners
    first, second = pairs.first.take(inside), pairs.second.take(inside)
    place = np.full(pairs.size, -1, np.int32)
    place[pairs.cells.take(inside)] = inside - starts.take(first - batch.low)
    items = place.take(pairs.written)
    kept = np.flatnonzero(items >= 0)
    entry = pairs.entry.take(kept)
    lengths = np.bincount(entry, minlength=len(batch.entries))
    if least > 1:
        kept = kept.take(np.flatnonzero((lengths >= least).take(entry)))
    source = np.flatnonzero(lengths >= least)
    classes = np.flatnonzero(grows)
    number = np.cumsum(grows) - 1
    made = Rows(
        items.take(kept),
        lengths.take(source),
        number.take(batch.children.take(source) - batch.low),
        None if pairs.weights is None else pairs.weights.take(source),
        rows.with_tails(batch.low + classes),
        partners.take(classes),
        rows.tails.take(second),
    )
    return made, batch.low + classes, source
