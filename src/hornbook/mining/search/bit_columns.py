"""The first step for dense data: frequent pairs from columns of bits.

When most baskets hold many of the frequent items, writing out their pairs is wasteful.
Here each frequent item is a column of bits, one bit a basket; a pair is counted by an AND
and a population count, sixty-four baskets at a time.  Then every basket gets a code in the
class of each of its items: one bit for each tail it holds.  Among these codes few are
different (chess at 60 %: of 2,500 baskets with the tenth item about 100), so that equal
ones are merged and almost nothing is left to do.
"""

from __future__ import annotations

import numpy as np

from hornbook.mining.search.collecting import Collector
from hornbook.mining.search.item_rows import CODE_BITS, Rows, merge_equal, spell_out, sums_of
from hornbook.mining.search.projection import descend
from hornbook.mining.search.superset_sums import count_all_subsets, ends_here

# Words of a column that are counted at a time: all columns of them fit the cache.
_WORDS = 128
# Nanoseconds, as measured: counting a word, a pair of a row, and preparing a class.
_WORD, _PAIR, _CLASS = 1, 6, 60_000
_BYTES = 1 << 28


def is_cheaper(number: int, lengths: np.ndarray, room: int = _BYTES) -> bool:
    """Whether counting words of all columns costs less than writing out all pairs of rows."""
    # A byte for each item and basket; for each pair of items a count and whether it is frequent.
    if max(number * len(lengths), 10 * number * number) > min(_BYTES, room):
        return False
    words = number * (number - 1) / 2 * (len(lengths) / 64)
    pairs = float((lengths * (lengths - 1) / 2).sum())
    return words * _WORD + number * _CLASS < pairs * _PAIR


def first_step_by_columns(
    rows: Rows, minimum: int, longest: int, collector: Collector, entries: int
) -> bool:
    """Finds every frequent set of two or more items.

    Args:
        rows: The one class of all baskets, with no prefix; see `Rows`.
        minimum, longest, collector, entries: see `projection.descend`.

    Returns:
        False if a class has more tails than fit a code; then nothing was added.
    """
    columns = bit_columns(rows)
    counts = count_pairs(columns, rows.weights)
    is_tail = np.triu(counts >= minimum, 1)
    first, second = np.nonzero(is_tail)
    is_tail = in_triples(is_tail)
    tail_counts = is_tail.sum(axis=1)
    if tail_counts.max() > CODE_BITS:
        return False
    collector.announce(len(first))
    pairs = np.stack([rows.tails.take(first), rows.tails.take(second)], axis=1)
    collector.add(pairs, counts[first, second])
    classes = np.flatnonzero(tail_counts > 1)
    if longest < 3 or not len(classes):
        return True
    # As many classes at a time as have about `entries` bytes of codes.
    held_by = sums_of(columns.sum(axis=1).take(classes)) * 8 // max(1, entries)
    for some in np.split(classes, np.flatnonzero(np.diff(held_by[:-1])) + 1):
        _finish_classes(rows, columns, is_tail, some, minimum, longest, collector, entries)
    return True


def _finish_classes(
    rows: Rows,
    columns: np.ndarray,
    is_tail: np.ndarray,
    classes: np.ndarray,
    minimum: int,
    longest: int,
    collector: Collector,
    entries: int,
) -> None:
    """Finds the sets of three or more items that begin with one of the items `classes`.

    Args:
        rows, minimum, longest, collector, entries: see `first_step_by_columns`.
        columns: see `bit_columns`.
        is_tail: see `in_triples`.
        classes: Items with two tails or more.
    """
    tail_counts = is_tail.sum(axis=1)
    held: list[np.ndarray] = []
    each: list[np.ndarray] = []
    owned: list[int] = []
    for item in classes.tolist():
        baskets = np.flatnonzero(columns[item])
        code = codes_in(columns, np.flatnonzero(is_tail[item]), baskets)
        several = np.flatnonzero(np.bitwise_count(code) > 1)  # one tail makes a pair: counted
        held.append(baskets.take(several))
        each.append(code.take(several))
        owned.append(len(several))
    codes = np.concatenate(each)
    owners = np.repeat(np.arange(len(classes)), owned)
    rows = Rows(
        np.empty(0, np.int64),
        np.empty(0, np.int64),
        owners,
        None if rows.weights is None else rows.weights.take(np.concatenate(held)),
        rows.tails.take(classes)[:, None],
        tail_counts.take(classes),
        rows.tails.take(np.nonzero(is_tail[classes])[1]),
    )
    ends = ends_here(rows).take(owners)
    ending = np.flatnonzero(ends)
    if len(ending):
        part = rows.without_items(ending)
        count_all_subsets(part, codes.take(ending), minimum, longest, collector)
    left = np.flatnonzero(~ends)
    if len(left):
        part = rows.without_items(left)
        kept, part.weights = merge_equal(codes.take(left), part.owners, part.weights)
        part.owners = part.owners.take(kept)
        different = codes.take(left.take(kept))
        part.items, part.lengths = spell_out(different)
        descend(part, minimum, longest, collector, entries)


def bit_columns(rows: Rows) -> np.ndarray:
    """`(tails, baskets)` booleans: which baskets hold which tail of the one class of `rows`."""
    columns = np.zeros((len(rows.tails), len(rows.lengths)), bool)
    columns[rows.items, np.repeat(np.arange(len(rows.lengths)), rows.lengths)] = True
    return columns


def in_triples(is_pair: np.ndarray) -> np.ndarray:
    """`(items, items)` the pairs that belong to a triple all of whose pairs are frequent.

    The others have no frequent superset, and need not be tails.

    Args:
        is_pair: `(items, items)` booleans above the diagonal: the frequent pairs.
    """
    both_ways = is_pair | is_pair.T
    result = np.zeros_like(is_pair)
    for item in range(len(is_pair)):
        tails = np.flatnonzero(is_pair[item])
        result[item, tails] = both_ways[tails[:, None], tails].any(axis=1)
    return result


def count_pairs(columns: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """`(items, items)` int64: above the diagonal, in how many baskets both items are.

    Args:
        columns: `(items, baskets)` booleans.
        weights: `(baskets,)` whole numbers, or None.  They are taken apart into powers of
            two, and the baskets whose weight has that power are counted together.
    """
    if weights is None:
        return _count_pairs(columns)
    whole = weights.astype(np.int64)
    counts = np.zeros((len(columns), len(columns)), np.int64)
    for bit in range(int(whole.max(initial=0)).bit_length()):
        counts += _count_pairs(columns[:, (whole >> bit) & 1 == 1]) << bit
    return counts


def _count_pairs(columns: np.ndarray) -> np.ndarray:
    number, baskets = columns.shape
    words = -(-baskets // (64 * 8)) * 8
    packed = np.zeros((number, words * 8), np.uint8)
    packed[:, : -(-baskets // 8)] = np.packbits(columns, axis=1)
    packed = packed.view(np.uint64)
    counts = np.zeros((number, number), np.int64)
    for start in range(0, words, _WORDS):
        part = np.ascontiguousarray(packed[:, start : start + _WORDS])
        for item in range(number - 1):
            counts[item, item + 1 :] += _ones(part[item + 1 :] & part[item])
    return counts


def _ones(bits: np.ndarray) -> np.ndarray:
    """`(rows,)` the number of ones in each row of at most 1,023 words, a multiple of 8.

    The counts of eight words lie in eight bytes of one; as pairs of bytes they are added
    up without being taken apart, which is several times faster than `sum`.
    """
    eight = np.bitwise_count(bits).view(np.uint64)
    lanes = np.uint64(0x00FF00FF00FF00FF)
    sums = eight & lanes
    eight >>= np.uint64(8)
    eight &= lanes
    sums += eight
    # The product has the sum of all four lanes in its highest.
    totals: np.ndarray = sums.sum(axis=1) * np.uint64(0x0001000100010001) >> np.uint64(48)
    return totals.astype(np.int64)


def codes_in(columns: np.ndarray, tails: np.ndarray, baskets: np.ndarray) -> np.ndarray:
    """`(baskets,)` int64: bit `i` says whether the basket holds the item `tails[i]`."""
    codes = np.zeros(len(baskets), np.int64)
    for start in range(0, len(tails), 8):
        byte = np.zeros(len(baskets), np.uint8)
        for place, item in enumerate(tails[start : start + 8].tolist()):
            byte |= columns[item].take(baskets).view(np.uint8) << np.uint8(place)
        codes |= byte.astype(np.int64) << start
    return codes
