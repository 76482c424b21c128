"""One step of the search: counts the pairs of tails in every class, and descends.

A frequent pair is an itemset (prefix and both tails); a first tail with two or more frequent
partners becomes a class of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hornbook.mining.search.collecting import Collector
from hornbook.mining.search.item_rows import CODE_BITS, Rows, join, merge_equal, runs, sums_of
from hornbook.mining.search.superset_sums import count_all_subsets, ends_here
from hornbook.mining.search.tail_pairs import BATCH, Batch, by_child, children, count_pairs, cut


def descend(rows: Rows, minimum: int, longest: int, collector: Collector, entries: int) -> None:
    """Finds every frequent set that extends a class of `rows` by two or more tails.

    Args:
        rows: The classes.
        minimum: Minimum count of a frequent set.
        longest: Maximum number of items in a set.
        collector: Receives the sets.
        entries: Number of entries of child rows at which the children are finished before more
            are made, which limits the memory.
    """
    if rows.prefixes.shape[1] + 2 > longest or not len(rows.items):
        return
    children: list[Rows] = []
    size = 0
    for part in _parts(rows):
        for batch in _batches(part):
            classes = _count(part, batch, minimum, longest, collector)
            if classes is not None:
                children.append(classes)
                size += len(classes.items)
            if size > entries:
                finish(join(children), minimum, longest, collector, entries)
                children, size = [], 0
    if children:
        finish(join(children), minimum, longest, collector, entries)


def finish(rows: Rows, minimum: int, longest: int, collector: Collector, entries: int) -> None:
    """Finishes small classes by superset sums, and descends into the others."""
    if not len(rows.items):
        return
    small = ends_here(rows)
    ends = small.take(rows.owners)
    codes = rows.codes()
    ending = np.flatnonzero(ends)
    count_all_subsets(rows.without_items(ending), codes.take(ending), minimum, longest, collector)
    rest = np.flatnonzero(~ends)
    if not len(rest):
        return
    weights = None if rows.weights is None else rows.weights.take(rest)
    # long rows cost most, and in dense data are often equal
    lengths = rows.lengths.take(rest)
    if lengths.sum() > 4 * len(rest) and rows.tail_counts[~small].max() <= CODE_BITS:
        distinct, weights = merge_equal(codes.take(rest), rows.owners.take(rest), weights)
        rest = rest.take(distinct)
    owners = rows.owners.take(rest)
    if (owners[1:] < owners[:-1]).any():
        order = np.argsort(
            owners.astype(np.uint16) if len(small) < 1 << 16 else owners, kind="stable"
        )
        rest = rest.take(order)
        weights = None if weights is None else weights.take(order)
    rows = rows.take(rest)
    rows.weights = weights
    descend(rows, minimum, longest, collector, entries)


def _parts(rows: Rows) -> Iterator[Rows]:
    """Cuts rows between classes into parts that fit into the cache with everything computed."""
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
        part = slice(row_ends[low], row_ends[high])
        if part.stop > part.start:
            yield Rows(
                rows.items[entry_ends[low] : entry_ends[high]],
                rows.lengths[part],
                rows.owners[part] - low,
                None if rows.weights is None else rows.weights[part],
                rows.prefixes[low:high],
                rows.tail_counts[low:high],
                rows.tails[tail_ends[low] : tail_ends[high]],
            )
        low = high


def _batches(rows: Rows) -> Iterator[Batch]:
    """Yields the entries that are followed by others, in batches of whole children."""
    long = np.flatnonzero(rows.lengths > 1)
    lengths = rows.lengths.take(long)
    firsts = rows.firsts.take(long)
    run, entries = runs(firsts, lengths - 1)
    if not len(entries):
        return
    behind = (firsts + lengths - 1).take(run)
    behind -= entries
    children = rows.items.take(entries).astype(np.int64)
    if len(rows.tail_counts) > 1:
        children += rows.tail_firsts.take(rows.owners.take(long)).take(run)
    row = long.take(run)
    number = len(rows.tails)
    if behind.sum() <= BATCH and rows.tails_behind.sum() <= BATCH:
        yield Batch(entries, behind, children, row, 0, number)
        return
    order = by_child(children, number)
    # 32-bit arrays, twice as much of which fits into the cache for random access
    whole = Batch(
        entries.astype(np.int32).take(order),
        behind.astype(np.int32).take(order),
        children.take(order),
        row.astype(np.int32).take(order),
        0,
        number,
    )
    yield from cut(rows, whole)


def _count(
    rows: Rows, batch: Batch, minimum: int, longest: int, collector: Collector
) -> Rows | None:
    """Adds the frequent pairs of a batch, and returns the classes with two or more tails."""
    pairs = count_pairs(rows, batch, minimum)
    if not len(pairs.first):
        return None
    collector.announce(len(pairs.first))
    prefixes = rows.with_tails(pairs.first)
    collector.add(np.column_stack([prefixes, rows.tails.take(pairs.second)]), pairs.counts)
    if prefixes.shape[1] + 2 > longest:
        return None
    result = children(rows, batch, pairs, least=2)
    return None if result is None else result[0]
