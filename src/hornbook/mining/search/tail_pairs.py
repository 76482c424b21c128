"""Counts the pairs of tails in thousands of classes at once, and makes child classes of them.

For every entry of every row, its pairs with the later entries of the row are enumerated.  One
`bincount` counts the pairs of a whole batch.  A first tail with frequent partners becomes a class
of its own, whose rows are the partners just enumerated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hornbook.mining.search.item_rows import Rows, runs, sums_of

# Pairs enumerated at a time: a few MB, large enough for the overhead of NumPy calls not to matter;
# for the measurements see docs/LOG.md.
BATCH = 1 << 18
# With more cells per pair than this, sorting the pairs is cheaper than a table of cells.
CELLS_PER_PAIR = 16


@dataclass(slots=True)
class Batch:
    """The entries of some consecutive children: pairs of a class and a first tail.

    Attributes:
        entries: `(entries,)`, their positions in `Rows.items`.
        behind: `(entries,)`, number of entries that follow in the same row, at least 1.
        children: `(entries,)`, the child of each, as the index of its tail in `Rows.tails`.
        rows: `(entries,)`, the row of each.
        low, high: The first child, and the one after the last.
    """

    entries: np.ndarray
    behind: np.ndarray
    children: np.ndarray
    rows: np.ndarray
    low: int
    high: int


@dataclass(slots=True)
class Pairs:
    """The frequent pairs of a batch, and where they occur in it.

    Attributes:
        first, second: `(pairs,)`, both tails of each pair, as indices in `Rows.tails`.
        counts: `(pairs,)`, number of baskets that hold it with the class's set.
        cells: `(pairs,)`, the cell in which it was counted, below `size`.
        size: Number of cells.
        occurrence_cells: `(occurrences,)`, the cell of each enumerated pair.
        occurrence_entries: `(occurrences,)`, the entry of the batch that it starts from.
        weights: `(entries,)`, number of baskets that each entry stands for; None for one each.
    """

    first: np.ndarray
    second: np.ndarray
    counts: np.ndarray
    cells: np.ndarray
    size: int
    occurrence_cells: np.ndarray
    occurrence_entries: np.ndarray
    weights: np.ndarray | None

    def take(self, pairs: np.ndarray) -> Pairs:
        """Returns some of the frequent pairs, with all occurrences."""
        return replace(
            self,
            first=self.first.take(pairs),
            second=self.second.take(pairs),
            counts=self.counts.take(pairs),
            cells=self.cells.take(pairs),
        )


def by_child(children: np.ndarray, number: int) -> np.ndarray:
    """Returns the stable order of entries by child, of `number` children."""
    # NumPy uses radix sort for 16-bit keys, ten times faster than comparisons
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
        # with very many items most cells stay empty, and their number does not matter
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
    """Enumerates the pairs of a batch, and returns those in at least `minimum` baskets."""
    # The cells of the pairs (child, later tail): a block per child, as long as the tails behind it.
    # `origin + position` is the cell, so the first position behind has offset 0.
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
    """Makes the classes of the first tails with at least `least` partners.

    Returns:
        Their rows with at least `least` entries; the child of each class; and the entry of the
        batch of each row.  None if there are no such classes.
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
    items = place.take(pairs.occurrence_cells)
    occurrences = np.flatnonzero(items >= 0)
    entries = pairs.occurrence_entries.take(occurrences)
    lengths = np.bincount(entries, minlength=len(batch.entries))
    if least > 1:
        occurrences = occurrences.take(np.flatnonzero((lengths >= least).take(entries)))
    sources = np.flatnonzero(lengths >= least)
    classes = np.flatnonzero(grows)
    class_of = np.cumsum(grows) - 1
    child_rows = Rows(
        items.take(occurrences),
        lengths.take(sources),
        class_of.take(batch.children.take(sources) - batch.low),
        None if pairs.weights is None else pairs.weights.take(sources),
        rows.with_tails(batch.low + classes),
        partners.take(classes),
        rows.tails.take(second),
    )
    return child_rows, batch.low + classes, sources
