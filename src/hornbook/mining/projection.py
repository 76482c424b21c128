"""One step down the search: count the pairs of tails in every class, and descend.

For every entry of every row, the entries behind it in the row are written out: a pair of
tails each.  One `bincount` counts all pairs of thousands of classes.  A frequent pair is
an itemset (prefix + both tails); a first tail with two or more frequent partners becomes
a class of its own, whose rows are the partners just written out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hornbook.mining.found import Found
from hornbook.mining.rows import CODE_BITS, Rows, join, merge_equal, runs
from hornbook.mining.superset_sums import count_all_subsets, ends_here

# Pairs written out in one go.  Small enough for the second-level cache, large enough that
# NumPy's cost per call does not show; see docs/LOG.md for the figures.
BATCH = 1 << 17


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
    for batch in _batches(rows):
        children = _count_pairs(rows, *batch, minimum, longest, found)
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
    codes = rows.codes()
    small = ends_here(rows)
    count_all_subsets(rows, codes, small, minimum, longest, found)
    if small.all():
        return
    left = np.flatnonzero(~small.take(rows.owners))
    # Long rows cost most, and are most often alike when the data is dense.
    if len(rows.items) > 4 * len(rows.lengths) and rows.tail_counts.max() <= CODE_BITS:
        weights = None if rows.weights is None else rows.weights.take(left)
        kept, weights = merge_equal(codes.take(left), rows.owners.take(left), weights)
        rows = rows.take(left.take(kept))
        rows.weights = weights
    else:
        rows.owners = np.where(small.take(rows.owners), -1, rows.owners)
    descend(rows, minimum, longest, found, entries)


def _batches(rows: Rows) -> Iterator[tuple[np.ndarray, ...]]:
    """Cuts the entries that have others behind them into batches of whole children.

    A child is a pair (class, first tail).  Yields, for the entries of some consecutive
    children: where they are, how many entries follow in the row, their child, the row; and
    the first and last child.
    """
    long = np.flatnonzero((rows.lengths > 1) & (rows.owners >= 0))
    lengths = rows.lengths.take(long)
    firsts = rows.firsts.take(long)
    run, entry = runs(firsts, lengths - 1)
    behind = (firsts + lengths - 1).take(run)
    behind -= entry
    child = rows.items.take(entry).astype(np.int64)
    if len(rows.tail_counts) > 1:
        child += rows.tail_firsts.take(rows.owners.take(long)).take(run)
    row = None if rows.weights is None else long.take(run)
    number = len(rows.tails)
    widths = _widths(rows)
    if len(entry) and behind.sum() <= BATCH and widths.sum() <= BATCH:
        yield entry, behind, child, row, 0, number
        return
    # Sixteen-bit keys are sorted by radix, ten times faster than by comparison.
    key = child.astype(np.uint16) if number <= 1 << 16 else child
    order = np.argsort(key, kind="stable")
    # Half as wide, twice as much of them in the cache that the jumps below go through.
    entry = entry.astype(np.int32).take(order)
    behind = behind.astype(np.int32).take(order)
    row = None if row is None else row.take(order)
    entries = np.zeros(number + 1, np.int64)
    np.cumsum(np.bincount(child, minlength=number), out=entries[1:])
    child = np.repeat(np.arange(number), np.diff(entries))
    pairs = np.zeros(len(behind) + 1, np.int64)
    np.cumsum(behind, out=pairs[1:])
    pairs = pairs.take(entries)
    cells = np.zeros(number + 1, np.int64)
    np.cumsum(widths, out=cells[1:])
    low = 0
    while low < number:
        high = np.searchsorted(pairs, pairs[low] + BATCH, "right") - 1
        high = min(high, np.searchsorted(cells, cells[low] + BATCH, "right") - 1)
        high = max(low + 1, int(high))
        part = slice(entries[low], entries[high])
        if part.stop > part.start:
            yield (
                entry[part],
                behind[part],
                child[part],
                None if row is None else row[part],
                low,
                high,
            )
        low = high


def _widths(rows: Rows) -> np.ndarray:
    """`(tails,)` how many tails of the same class lie behind each tail."""
    ends = np.cumsum(rows.tail_counts)
    return np.repeat(ends, rows.tail_counts) - np.arange(len(rows.tails)) - 1


def _count_pairs(
    rows: Rows,
    entry: np.ndarray,
    behind: np.ndarray,
    child: np.ndarray,
    row: np.ndarray | None,
    low: int,
    high: int,
    minimum: int,
    longest: int,
    found: Found,
) -> Rows | None:
    """Counts the pairs of one batch, adds the frequent ones, and returns the child classes."""
    # Cell of the pair (child, later tail): one stretch per child, as long as the tails
    # behind it.  `origin + position` is the cell, so the first position behind counts 0.
    widths = _widths(rows)[low:high]
    cells = np.cumsum(widths) - widths
    size = int(widths.sum())
    run, other = runs(entry + 1, behind)
    origin = cells.take(child - low) - rows.items.take(entry) - 1
    cell = origin.take(run)
    cell += rows.items.take(other)
    weights = None if row is None else rows.weights.take(row)
    counts = np.bincount(cell, None if weights is None else weights.take(run), minlength=size)
    frequent = np.flatnonzero(counts >= minimum)
    if not len(frequent):
        return None
    found.announce(len(frequent))
    # The sets: prefix, first tail, second tail.
    filled = np.flatnonzero(widths)
    first_tail = filled.take(np.searchsorted(cells.take(filled), frequent, "right") - 1)
    second_tail = low + first_tail + 1 + frequent - cells.take(first_tail)
    parent = np.searchsorted(np.cumsum(rows.tail_counts), low + first_tail, "right")
    depth = rows.prefixes.shape[1]
    sets = np.empty((len(frequent), depth + 2), rows.tails.dtype)
    sets[:, :depth] = rows.prefixes.take(parent, axis=0)
    sets[:, depth] = rows.tails.take(low + first_tail)
    sets[:, depth + 1] = rows.tails.take(second_tail)
    found.add(sets, counts.take(frequent))
    if depth + 3 > longest:
        return None
    # The children with two or more tails, and their rows of two or more entries.
    partners = np.bincount(first_tail, minlength=high - low)
    grows = partners > 1
    inside = grows.take(first_tail)
    if not inside.any():
        return None
    starts = np.cumsum(partners) - partners
    place = np.full(size, -1, np.int32)
    place[frequent] = np.arange(len(frequent)) - starts.take(first_tail)
    place[frequent[~inside]] = -1
    new_items = place.take(cell)
    kept = np.flatnonzero(new_items >= 0)
    run = run.take(kept)
    lengths = np.bincount(run, minlength=len(entry))
    long = lengths > 1
    kept = kept.take(np.flatnonzero(long.take(run)))
    source = np.flatnonzero(long)
    number = np.cumsum(grows) - 1
    classes = np.flatnonzero(grows)
    inside = np.flatnonzero(inside)
    return Rows(
        new_items.take(kept),
        lengths.take(source),
        number.take(child.take(source) - low),
        None if weights is None else weights.take(source),
        sets.take(starts.take(classes), axis=0)[:, : depth + 1],
        partners.take(classes),
        sets[:, depth + 1].take(inside),
    )
