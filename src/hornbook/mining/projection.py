"""One step down the search: count the pairs of tails in every class, and descend.

For every entry of every row, the entries behind it in the row are written out: a pair of
tails each.  One `bincount` counts all pairs of thousands of classes.  A frequent pair is
an itemset (prefix + both tails); a first tail with two or more frequent partners becomes
a class of its own, whose rows are the partners just written out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hornbook.mining.found import Found
from hornbook.mining.rows import CODE_BITS, Rows, join, merge_equal, runs, sums_of
from hornbook.mining.superset_sums import count_all_subsets, ends_here

# Pairs written out in one go.  Small enough for the second-level cache, large enough that
# NumPy's cost per call does not show; see docs/LOG.md for the figures.
BATCH = 1 << 17
# With more cells than this for a pair, sorting the pairs is cheaper than a table of cells.
CELLS_PER_PAIR = 16


@dataclass(slots=True)
class Batch:
    """The entries of some consecutive children: pairs of a class and a first tail.

    Attributes:
        entries: `(entries,)` where they are in `Rows.items`.
        behind: `(entries,)` how many entries follow in the same row, at least 1.
        children: `(entries,)` the child of each, as the number of its tail in `Rows.tails`.
        rows: `(entries,)` the row of each, if rows have weights.
        low, high: the first child and the one after the last.
    """

    entries: np.ndarray
    behind: np.ndarray
    children: np.ndarray
    rows: np.ndarray | None
    low: int
    high: int


def descend(rows: Rows, minimum: int, longest: int, found: Found, entries: int) -> None:
    """Finds every frequent set that extends a class of `rows` by two or more tails.

    Args:
        rows: The classes.
        minimum: The smallest count that is frequent.
        longest: The most items a set may have.
        found: Gets the sets.
        entries: At about this many entries of child rows, the children are finished
            before more are made: the bound on memory.
    """
    if rows.prefixes.shape[1] + 2 > longest or not len(rows.items):
        return
    waiting: list[Rows] = []
    size = 0
    for part in _parts(rows):
        for batch in _batches(part):
            children = _count_pairs(part, batch, minimum, longest, found)
            if children is not None:
                waiting.append(children)
                size += len(children.items)
            if size > entries:
                finish(join(waiting), minimum, longest, found, entries)
                waiting, size = [], 0
    if waiting:
        finish(join(waiting), minimum, longest, found, entries)


def finish(rows: Rows, minimum: int, longest: int, found: Found, entries: int) -> None:
    """Ends small classes by superset sums and descends into the others."""
    if not len(rows.items):
        return
    small = ends_here(rows)
    ends = small.take(rows.owners)
    ending = rows if ends.all() else rows.take(np.flatnonzero(ends))
    count_all_subsets(ending, ending.codes(), minimum, longest, found)
    if ending is rows:
        return
    left = rows.take(np.flatnonzero(~ends))
    # Long rows cost most, and are most often alike when the data is dense.
    if len(left.items) > 4 * len(left.lengths) and left.tail_counts.max() <= CODE_BITS:
        kept, weights = merge_equal(left.codes(), left.owners, left.weights)
        left = left.take(kept)
        left.weights = weights
    if (left.owners[1:] < left.owners[:-1]).any():
        owners = left.owners.astype(np.uint16) if len(small) < 1 << 16 else left.owners
        left = left.take(np.argsort(owners, kind="stable"))
    descend(left, minimum, longest, found, entries)


def _parts(rows: Rows) -> Iterator[Rows]:
    """Cuts rows between classes into parts that fit the cache with all that is made of them."""
    pairs = rows.lengths * (rows.lengths - 1) // 2
    per_class = np.bincount(rows.owners, pairs, minlength=len(rows.tail_counts))
    cells = rows.tail_counts * (rows.tail_counts - 1) // 2
    sums = sums_of(np.maximum(per_class.astype(np.int64), cells))
    row_ends = sums_of(np.bincount(rows.owners, minlength=len(rows.tail_counts)))
    entry_ends = sums_of(rows.lengths).take(row_ends)
    tail_ends = sums_of(rows.tail_counts)
    low = 0
    while low < len(rows.tail_counts):
        high = max(low + 1, int(np.searchsorted(sums, sums[low] + BATCH, "right")) - 1)
        some = slice(row_ends[low], row_ends[high])
        if some.stop > some.start:
            yield Rows(
                rows.items[entry_ends[low] : entry_ends[high]],
                rows.lengths[some],
                rows.owners[some] - low,
                None if rows.weights is None else rows.weights[some],
                rows.prefixes[low:high],
                rows.tail_counts[low:high],
                rows.tails[tail_ends[low] : tail_ends[high]],
            )
        low = high


def _batches(rows: Rows) -> Iterator[Batch]:
    """Cuts the entries that have others behind them into batches of whole children."""
    long = np.flatnonzero(rows.lengths > 1)
    lengths = rows.lengths.take(long)
    firsts = rows.firsts.take(long)
    run, entries = runs(firsts, lengths - 1)
    behind = (firsts + lengths - 1).take(run)
    behind -= entries
    children = rows.items.take(entries).astype(np.int64)
    if len(rows.tail_counts) > 1:
        children += rows.tail_firsts.take(rows.owners.take(long)).take(run)
    row = None if rows.weights is None else long.take(run)
    number = len(rows.tails)
    widths = _widths(rows)
    if behind.sum() <= BATCH and widths.sum() <= BATCH:
        if len(entries):
            yield Batch(entries, behind, children, row, 0, number)
        return
    # Sixteen-bit keys are sorted by radix, ten times faster than by comparison.
    keys = children.astype(np.uint16) if number <= 1 << 16 else children
    order = np.argsort(keys, kind="stable")
    # Half as wide, twice as much of them in the cache that the jumps below go through.
    entries = entries.astype(np.int32).take(order)
    behind = behind.astype(np.int32).take(order)
    row = None if row is None else row.take(order)
    starts = sums_of(np.bincount(children, minlength=number))
    children = np.repeat(np.arange(number), np.diff(starts))
    pairs = sums_of(behind).take(starts)
    cells = sums_of(widths)
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
            some_rows = None if row is None else row[part]
            yield Batch(entries[part], behind[part], children[part], some_rows, low, high)
        low = high


def _widths(rows: Rows) -> np.ndarray:
    """`(tails,)` how many tails of the same class lie behind each tail."""
    ends = np.cumsum(rows.tail_counts)
    return np.repeat(ends, rows.tail_counts) - np.arange(len(rows.tails)) - 1


def _count_pairs(rows: Rows, batch: Batch, minimum: int, longest: int, found: Found) -> Rows | None:
    """Counts the pairs of one batch, adds the frequent ones, and returns the child classes."""
    # Cell of the pair (child, later tail): one stretch per child, as long as the tails
    # behind it.  `origin + position` is the cell, so the first position behind counts 0.
    widths = _widths(rows)[batch.low : batch.high]
    cells = np.cumsum(widths) - widths
    run, other = runs(batch.entries + 1, batch.behind)
    place = np.arange(len(rows.tails)) - np.repeat(rows.tail_firsts, rows.tail_counts)
    origin = cells - place[batch.low : batch.high] - 1
    cell = origin.take(batch.children - batch.low).take(run)
    cell += rows.items.take(other)
    weights = None
    if rows.weights is not None and batch.rows is not None:
        weights = rows.weights.take(batch.rows)
    size = int(widths.sum())
    cell_of = None
    if size > CELLS_PER_PAIR * len(cell):
        cell_of, cell = np.unique(cell, return_inverse=True)
        size = len(cell_of)
    counts = np.bincount(cell, None if weights is None else weights.take(run), minlength=size)
    frequent = np.flatnonzero(counts >= minimum)
    if not len(frequent):
        return None
    found.announce(len(frequent))
    pair = frequent if cell_of is None else cell_of.take(frequent)
    filled = np.flatnonzero(widths)
    first_tail = filled.take(np.searchsorted(cells.take(filled), pair, "right") - 1)
    sets = _spell_out(rows, batch.low + first_tail, pair - cells.take(first_tail))
    found.add(sets, counts.take(frequent))
    if sets.shape[1] + 1 > longest:
        return None
    return _children(batch, sets, first_tail, frequent, cell, run, weights, size)


def _spell_out(rows: Rows, first_tail: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """`(sets, depth + 2)` prefix, first tail, and the tail `distance` + 1 places behind it."""
    parent = np.searchsorted(np.cumsum(rows.tail_counts), first_tail, "right")
    depth = rows.prefixes.shape[1]
    sets = np.empty((len(first_tail), depth + 2), rows.tails.dtype)
    sets[:, :depth] = rows.prefixes.take(parent, axis=0)
    sets[:, depth] = rows.tails.take(first_tail)
    sets[:, depth + 1] = rows.tails.take(first_tail + 1 + distance)
    return sets


def _children(
    batch: Batch,
    sets: np.ndarray,
    first_tail: np.ndarray,
    frequent: np.ndarray,
    cell: np.ndarray,
    run: np.ndarray,
    weights: np.ndarray | None,
    size: int,
) -> Rows | None:
    """The children with two or more tails, and of their rows those of two or more entries.

    Args:
        batch, sets, first_tail: The entries, the frequent pairs, the first tail of each.
        frequent: The cell of each frequent pair.
        cell, run: For every pair written out its cell and the entry it starts from.
        weights: `(entries,)` or None.
        size: The number of cells.
    """
    partners = np.bincount(first_tail, minlength=batch.high - batch.low)
    grows = partners > 1
    inside = np.flatnonzero(grows.take(first_tail))
    if not len(inside):
        return None
    starts = np.cumsum(partners) - partners
    place = np.full(size, -1, np.int32)
    place[frequent.take(inside)] = inside - starts.take(first_tail.take(inside))
    items = place.take(cell)
    kept = np.flatnonzero(items >= 0)
    run = run.take(kept)
    lengths = np.bincount(run, minlength=len(batch.entries))
    long = lengths > 1
    kept = kept.take(np.flatnonzero(long.take(run)))
    source = np.flatnonzero(long)
    classes = np.flatnonzero(grows)
    number = np.cumsum(grows) - 1
    return Rows(
        items.take(kept),
        lengths.take(source),
        number.take(batch.children.take(source) - batch.low),
        None if weights is None else weights.take(source),
        sets.take(starts.take(classes), axis=0)[:, :-1],
        partners.take(classes),
        sets[:, -1].take(inside),
    )
