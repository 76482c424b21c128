"""Counts all subsets of a small set of tails at once.

The rows of a class with `k` tails are codes of `k` bits.  Counting the rows of each code gives a
table of `2 ** k` numbers; adding to each entry the entries of all its supersets, bit by bit, turns
it into the supports of all `2 ** k` sets.  That is `k` additions of long arrays instead of one
intersection per set, and it finishes the class.  (The sum is the zeta transform of the subset
lattice, due to Yates.)
"""

from __future__ import annotations

import functools

import numpy as np

from hornbook.mining.search.collecting import Collector
from hornbook.mining.search.item_rows import Rows, sums_of

# A table of 2 ** 11 sums is always cheaper than another step of pair counting.  A larger one pays
# off if the class has enough rows: for the measurements see docs/LOG.md.
ALWAYS = 11
MAX_TAILS = 16
SUMS_PER_ROW = 16
_SUMS = 1 << 20  # processed at a time, with up to one set each


def ends_here(rows: Rows) -> np.ndarray:
    """Returns whether superset sums are the cheapest way to finish each class, `(classes,)`."""
    per_class = np.bincount(rows.owners, minlength=len(rows.tail_counts))
    sums = np.left_shift(1, np.minimum(rows.tail_counts, MAX_TAILS))
    pays = (rows.tail_counts <= MAX_TAILS) & (sums <= SUMS_PER_ROW * per_class)
    ends: np.ndarray = pays | (rows.tail_counts <= ALWAYS)
    return ends


def count_all_subsets(
    rows: Rows,
    codes: np.ndarray,
    minimum: int,
    longest: int,
    collector: Collector,
) -> None:
    """Adds all frequent sets of a class's prefix and two or more of its tails.

    Args:
        rows: The classes, and the owners and weights of the rows; its items are not used.  Classes
            without rows are skipped; others must have at most `MAX_TAILS` tails.
        codes: `(rows,)` int64, see `Rows.codes`.
        minimum: Minimum count of a frequent set.
        longest: Maximum number of items in a set.
        collector: Receives the sets.
    """
    sums = sums_of(np.left_shift(1, np.minimum(rows.tail_counts, MAX_TAILS)))
    if sums[-1] > _SUMS and len(rows.tail_counts) > 1:
        part_of = (sums[:-1] // _SUMS).take(rows.owners)
        if len(part_of) and part_of.min() < part_of.max():
            order = np.argsort(part_of, kind="stable")
            for indices in np.split(order, np.flatnonzero(np.diff(part_of.take(order))) + 1):
                part = rows.without_items(indices)
                count_all_subsets(part, codes.take(indices), minimum, longest, collector)
            return
    # Classes with equally many tails lie side by side, with the class as the last axis, so that
    # every addition below runs over long contiguous blocks.
    has_rows = np.bincount(rows.owners, minlength=len(rows.tail_counts)) > 0
    sizes = np.where(has_rows, rows.tail_counts, 0)
    by_size = np.argsort(sizes, kind="stable")
    per_size = np.bincount(sizes)
    slot = np.full(len(sizes), -1)
    stride = np.ones(len(sizes), np.int64)
    groups = []
    at = first = 0
    for size in range(len(per_size)):
        classes = by_size[first : first + per_size[size]]
        first += len(classes)
        if size > 1 and len(classes):
            slot[classes] = at + np.arange(len(classes))
            stride[classes] = len(classes)
            groups.append((size, classes, at))
            at += len(classes) << size
    if not groups:
        return
    weights = rows.weights
    keys = codes * stride.take(rows.owners)
    keys += slot.take(rows.owners)
    table = np.bincount(keys, weights, minlength=at)
    if len(keys) < 2**31 and (weights is None or weights.sum() < 2**31):
        table = table.astype(np.int32)  # half the memory to move
    frequent_classes, frequent_codes, counts = [], [], []
    for size, classes, at in groups:
        sums = table[at : at + (len(classes) << size)]
        for bit in range(size):
            halves = sums.reshape(-1, 2, len(classes) << bit)
            halves[:, 0] += halves[:, 1]
        # Rows with one tail were dropped earlier, so these entries are wrong; they are known.
        sums = sums.reshape(1 << size, len(classes))
        sums[0] = 0
        sums[1 << np.arange(size)] = 0
        lexicographic = lexicographic_codes(size)
        is_frequent = (sums >= minimum).take(lexicographic, axis=0)
        frequent = np.flatnonzero(is_frequent.T)
        column = frequent >> size
        code = lexicographic.take(frequent & ((1 << size) - 1))
        frequent_classes.append(classes.take(column))
        frequent_codes.append(code)
        counts.append(sums.reshape(-1).take(code * len(classes) + column))
    _spell_out(
        rows,
        np.concatenate(frequent_classes),
        np.concatenate(frequent_codes),
        np.concatenate(counts),
        longest,
        collector,
    )


def _spell_out(
    rows: Rows,
    class_indices: np.ndarray,
    codes: np.ndarray,
    counts: np.ndarray,
    longest: int,
    collector: Collector,
) -> None:
    """Adds sets given as class, code and count, as rows of item ranks, one matrix per length."""
    positions, sizes = bit_positions(ALWAYS if codes.max(initial=0) < 1 << ALWAYS else MAX_TAILS)
    size_of = sizes.take(codes)
    order = np.argsort(size_of, kind="stable")
    depth = rows.prefixes.shape[1]
    largest = min(int(size_of.max(initial=0)), longest - depth)
    ends = np.cumsum(np.bincount(size_of, minlength=2)).tolist()
    collector.announce(ends[largest])
    if not collector.keep:
        return
    tail_firsts = rows.tail_firsts
    for size in range(2, largest + 1):
        indices = order[ends[size - 1] : ends[size]]
        if not len(indices):
            continue
        classes = class_indices.take(indices)
        sets = np.empty((len(indices), depth + size), rows.tails.dtype)
        sets[:, :depth] = rows.prefixes.take(classes, axis=0)
        places = positions.take(codes.take(indices), axis=0)[:, :size]
        sets[:, depth:] = rows.tails.take(tail_firsts.take(classes)[:, None] + places)
        starts = np.flatnonzero(np.diff(classes, prepend=-1))
        collector.add(sets, counts.take(indices), starts)


@functools.cache
def lexicographic_codes(bits: int) -> np.ndarray:
    """Returns all codes of `bits` bits, those with equally many ones in the order of positions.

    With the bits reversed, the lowest position weighs most: larger numbers come first.
    """
    codes = np.zeros(1, np.int64)
    for _ in range(bits):
        codes = np.concatenate([codes << 1 | 1, codes << 1])
    return codes


@functools.cache
def bit_positions(bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns, for every code of `bits` bits, the positions of its ones and their number."""
    codes = np.arange(1 << bits)
    sizes = np.bitwise_count(codes)
    row, bit = np.nonzero((codes[:, None] >> np.arange(bits)) & 1)
    ends = np.cumsum(sizes, dtype=np.int64)
    positions = np.zeros((len(codes), bits), np.uint8)
    positions[row, np.arange(len(row)) - (ends - sizes).take(row)] = bit
    return positions, sizes
