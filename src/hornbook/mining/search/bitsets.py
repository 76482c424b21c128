"""Sets of items as bits: `(words, sets)` uint64, item 0 the lowest bit of the first word."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_BYTES = 1 << 22  # items by sets that are unpacked to bytes at a time


def bits_of(items: np.ndarray, starts: np.ndarray, number: int) -> np.ndarray:
    """Returns the non-empty sets `items[starts[i] : starts[i + 1]]` of `number` items as bits."""
    words = np.zeros((-(-number // 64), len(starts)), np.uint64)
    bits = np.left_shift(np.uint64(1), (items & 63).astype(np.uint64))
    of_word = items >> 6
    for place, word in enumerate(words):
        own_bits = np.where(of_word == place, bits, np.uint64(0)) if len(words) > 1 else bits
        np.bitwise_or.reduceat(own_bits, starts, out=word)
    return words


def hold_smaller(sets: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Returns whether each set has an item smaller than the one in `items`, `(sets,)`."""
    result = np.zeros(len(items), bool)
    for place, word in enumerate(sets):
        smaller = np.clip(items - 64 * place, 0, 64)  # number of bits of this word
        shift = (64 - smaller & 63).astype(np.uint64)
        result |= (smaller > 0) & (word << shift != 0)
    return result


def sizes_of(sets: np.ndarray) -> np.ndarray:
    """Returns the number of items of each set, `(sets,)`."""
    sizes: np.ndarray = np.bitwise_count(sets).sum(axis=0, dtype=np.int64)
    return sizes


def items_of(sets: np.ndarray, size: int) -> np.ndarray:
    """Returns the items of sets of one size, ascending, `(sets, size)`."""
    parts = [np.flatnonzero(table) % table.shape[1] for table in _tables(sets)]
    return np.concatenate(parts).reshape(-1, size)


def _tables(sets: np.ndarray) -> Iterator[np.ndarray]:
    """Yields blocks of `(sets, items)`: 1 where a set holds an item, else 0."""
    step = max(1, _BYTES // (64 * len(sets)))
    for start in range(0, sets.shape[1], step):
        raw = np.ascontiguousarray(sets[:, start : start + step].T).astype("<u8", copy=False)
        yield np.unpackbits(raw.view(np.uint8), axis=1, bitorder="little")


def without_subsets(sets: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns the indices of the sets that are not subsets of others; all must be distinct.

    The maximal sets so far, from large to small, are columns of bits, one per item; the AND of the
    columns of a set's items gives the larger sets that contain it.
    """
    maximal = []
    columns = np.zeros((64 * len(sets), 1024), np.uint8)
    width = 0
    for size in np.unique(sizes)[::-1].tolist():
        candidates = np.flatnonzero(sizes == size)
        words = columns.view(np.uint64)[:, : -(-width // 8)]
        new = candidates[~_are_subsets(sets.take(candidates, axis=1), words)]
        maximal.append(new)
        for table in _tables(sets.take(new, axis=1)):
            octets = np.packbits(table, axis=0).T
            while width + octets.shape[1] > columns.shape[1]:
                columns = np.concatenate([columns, np.zeros_like(columns)], axis=1)
            columns[:, width : width + octets.shape[1]] = octets
            width += octets.shape[1]
    return np.sort(np.concatenate(maximal)) if maximal else np.arange(0)


def _are_subsets(sets: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Returns whether each set is in any of the sets that are the bits of `columns`, `(sets,)`."""
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
