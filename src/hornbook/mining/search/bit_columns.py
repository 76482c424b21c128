"""The first step for dense data: counts pairs with columns of bits.

When most baskets hold many of the frequent items, enumerating their pairs is wasteful.  Here each
frequent item is a column of bits, one per basket; a pair is counted by an AND and a population
count, 64 baskets at a time.  Then every basket gets a code in the class of each of its items: one
bit per tail it holds.  Few of these codes are distinct (chess at 60 %: about 100 of the 2,500
baskets with the tenth item), so equal ones are merged and little work remains.
"""

from __future__ import annotations

import numpy as np

from hornbook.mining.search.collecting import Collector
from hornbook.mining.search.item_rows import CODE_BITS, Rows, merge_equal, spell_out, sums_of
from hornbook.mining.search.projection import descend
from hornbook.mining.search.superset_sums import count_all_subsets, ends_here

_WORDS = 128  # per column that are counted at a time, so that all columns fit into the cache
# measured nanoseconds: counting a word, counting a pair of a row, preparing a class
_WORD, _PAIR, _CLASS = 1, 6, 60_000
_BYTES = 1 << 28


def is_cheaper(number: int, lengths: np.ndarray, room: int = _BYTES) -> bool:
    """Whether counting words of all columns costs less than enumerating all pairs of rows."""
    # a byte per item and basket; per pair of items, its count and whether it is frequent
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
        minimum, longest, collector, entries: See `projection.descend`.

    Returns:
        False if a class has more tails than fit into a code; then nothing was added.
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
    # as many classes at a time as have about `entries` bytes of codes
    group_of = sums_of(columns.sum(axis=1).take(classes)) * 8 // max(1, entries)
    for group in np.split(classes, np.flatnonzero(np.diff(group_of[:-1])) + 1):
        _finish_classes(rows, columns, is_tail, group, minimum, longest, collector, entries)
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
        rows, minimum, longest, collector, entries: See `first_step_by_columns`.
        columns: See `bit_columns`.
        is_tail: See `in_triples`.
        classes: Items with two tails or more.
    """
    tail_counts = is_tail.sum(axis=1)
    class_baskets: list[np.ndarray] = []
    class_codes: list[np.ndarray] = []
    for item in classes.tolist():
        baskets = np.flatnonzero(columns[item])
        code = codes_in(columns, np.flatnonzero(is_tail[item]), baskets)
        several = np.flatnonzero(np.bitwise_count(code) > 1)  # pairs (one tail) are counted already
        class_baskets.append(baskets.take(several))
        class_codes.append(code.take(several))
    codes = np.concatenate(class_codes)
    owners = np.repeat(np.arange(len(classes)), list(map(len, class_codes)))
    rows = Rows(
        np.empty(0, np.int64),
        np.empty(0, np.int64),
        owners,
        None if rows.weights is None else rows.weights.take(np.concatenate(class_baskets)),
        rows.tails.take(classes)[:, None],
        tail_counts.take(classes),
        rows.tails.take(np.nonzero(is_tail[classes])[1]),
    )
    ends = ends_here(rows).take(owners)
    ending = np.flatnonzero(ends)
    if len(ending):
        part = rows.without_items(ending)
        count_all_subsets(part, codes.take(ending), minimum, longest, collector)
    rest = np.flatnonzero(~ends)
    if len(rest):
        part = rows.without_items(rest)
        distinct, part.weights = merge_equal(codes.take(rest), part.owners, part.weights)
        part.owners = part.owners.take(distinct)
        part.items, part.lengths = spell_out(codes.take(rest.take(distinct)))
        descend(part, minimum, longest, collector, entries)


def bit_columns(rows: Rows) -> np.ndarray:
    """Returns which baskets hold which tail of the one class of `rows`, `(tails, baskets)`."""
    columns = np.zeros((len(rows.tails), len(rows.lengths)), bool)
    columns[rows.items, np.repeat(np.arange(len(rows.lengths)), rows.lengths)] = True
    return columns


def in_triples(is_pair: np.ndarray) -> np.ndarray:
    """Returns the pairs that belong to a triple of frequent pairs, `(items, items)` booleans.

    Other pairs have no frequent superset, and need not be tails.

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
    """Counts the baskets with both items of each pair, `(items, items)` int64 above the diagonal.

    Args:
        columns: `(items, baskets)` booleans.
        weights: `(baskets,)` integers, or None.  They are split into powers of two, and the
            baskets whose weight has a given power are counted together.
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
    """Counts the ones in each row, `(rows,)`, of at most 1,023 words and a multiple of 8.

    The counts of eight words are the eight bytes of one word, and are summed as pairs of bytes
    without unpacking, which is several times faster than `sum`.
    """
    eight = np.bitwise_count(bits).view(np.uint64)
    lanes = np.uint64(0x00FF00FF00FF00FF)
    sums = eight & lanes
    eight >>= np.uint64(8)
    eight &= lanes
    sums += eight
    # the product has the sum of all four lanes in the highest one
    totals: np.ndarray = sums.sum(axis=1) * np.uint64(0x0001000100010001) >> np.uint64(48)
    return totals.astype(np.int64)


def codes_in(columns: np.ndarray, tails: np.ndarray, baskets: np.ndarray) -> np.ndarray:
    """Returns a code per basket, `(baskets,)` int64: bit `i` is set if it holds `tails[i]`."""
    codes = np.zeros(len(baskets), np.int64)
    for start in range(0, len(tails), 8):
        byte = np.zeros(len(baskets), np.uint8)
        for place, item in enumerate(tails[start : start + 8].tolist()):
            byte |= columns[item].take(baskets).view(np.uint8) << np.uint8(place)
        codes |= byte.astype(np.int64) << start
    return codes
