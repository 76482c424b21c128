"""Sets of items as bits: `(words, sets)` uint64, item 0 the lowest bit of the first word."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Items by sets that are spread out as bytes at a time.
_BYTES = 1 << 22


def bits_of(items: np.ndarray, starts: np.ndarray, number: int) -> np.ndarray:
    """The sets `items[starts[i] : starts[i + 1]]` of `number` items, none of them empty."""
    words = np.zeros((-(-number // 64), len(starts)), np.uint64)
    bits = np.left_shift(np.uint64(1), (items & 63).astype(np.uint64))
    of_word = items >> 6
    for place, word in enumerate(words):
        chosen = np.where(of_word == place, bits, np.uint64(0)) if len(words) > 1 else bits
        np.bitwise_or.reduceat(chosen, starts, out=word)
    return words


def hold_smaller(sets: np.ndarray, items: np.ndarray) -> np.ndarray:
    """`(sets,)` whether each set has an item smaller than that of `items`."""
    result = np.zeros(len(items), bool)
    for place, word in enumerate(sets):
        smaller = np.clip(items - 64 * place, 0, 64)  # that many bits of this word
        shift = (64 - smaller & 63).astype(np.uint64)
        result |= (smaller > 0) & (word << shift != 0)
    return result


def sizes_of(sets: np.ndarray) -> np.ndarray:
    """`(sets,)` how many items each set has."""
    sizes: np.ndarray = np.bitwise_count(sets).sum(axis=0, dtype=np.int64)
    return sizes


def items_of(sets: np.ndarray, size: int) -> np.ndarray:
    """`(sets, size)` the items of sets of one size, ascending."""
    parts = [np.flatnonzero(table) % table.shape[1] for table in _tables(sets)]
    return np.concatenate(parts).reshape(-1, size)


def _tables(sets: np.ndarray) -> Iterator[np.ndarray]:
    """`(some sets, items)` 0 or 1: which sets hold which items."""
    step = max(1, _BYTES // (64 * len(sets)))
    for start in range(0, sets.shape[1], step):
        raw = np.ascontiguousarray(sets[:, start : start + step].T).astype("<u8", copy=False)
        yield np.unpackbits(raw.view(np.uint8), axis=1, bitorder="little")


def without_subsets(sets: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The numbers of the sets that are in no other; all must be different.

    The sets kept so far, from the largest to smaller ones, are columns of bits, one for
    each item; the AND of the columns of a set's items shows the larger sets that hold it.
    """
    kept = []
    columns = np.zeros((64 * len(sets), 1024), np.uint8)
    filled = 0
    for size in np.unique(sizes)[::-1].tolist():
        chosen = np.flatnonzero(sizes == size)
        words = columns.view(np.uint64)[:, : -(-filled // 8)]
        new = chosen[~_inside(sets.take(chosen, axis=1), words)]
        kept.append(new)
        for table in _tables(sets.take(new, axis=1)):
            packed = np.packbits(table, axis=0).T
            while filled + packed.shape[1] > columns.shape[1]:
                columns = np.concatenate([columns, np.zeros_like(columns)], axis=1)
            columns[:, filled : filled + packed.shape[1]] = packed
            filled += packed.shape[1]
    return np.sort(np.concatenate(kept)) if kept else np.arange(0)


def _inside(sets: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """`(sets,)` whether any of the sets that are the bits of `columns` holds each set."""
    result = []
    for table in _tables(sets):
        step = max(1, _BYTES // 32 // max(1, columns.shape[1]))
        for start in range(0, len(table), step):
            part = table[start : start + step].T
            common = np.full((part.shape[1], columns.shape[1]), ~np.uint64(0))
            for item in np.flatnonzero(part.any(axis=1)).tolist():
                common[np.flatnonzero(part[item])] &= columns[item]
            result.append(common.any(axis=1))
    return np.concatenate(result)
