"""Counts every subset of a small set of tails at once.

The rows of a class with `k` tails are codes of `k` bits.  Counting the rows of each code
gives a table of `2 ** k` numbers; adding to each entry the entries of all its supersets,
one bit after the other, turns it into the supports of all `2 ** k` sets.  That is `k`
additions of long arrays instead of one intersection per set, and it ends the search below
the class.  (The sum is the zeta transform of the subset lattice, going back to Yates.)
"""

from __future__ import annotations

import functools

import numpy as np

from hornbook.mining.found import Found
from hornbook.mining.rows import Rows

# 2 ** 12 numbers still fit the fastest cache, and a row of a class that is left has
# shrunk so far by then that another step of pair counting would cost more.
MAX_TAILS = 12


def count_all_subsets(
    rows: Rows, codes: np.ndarray, minimum: int, longest: int, found: Found
) -> None:
    """Adds every frequent set of a class's prefix and two or more of its tails.

    Classes with more than `MAX_TAILS` tails are left alone.

    Args:
        rows: The classes and the owners and weights of the rows; its items are not used.
        codes: `(rows,)` int64, see `Rows.codes`.
        minimum: The smallest count that is frequent.
        longest: The most items a set may have.
        found: Gets the sets.
    """
    # Classes with equally many tails lie side by side, the class running fastest, so that
    # every addition below runs over long contiguous stretches.
    by_size = np.argsort(rows.tail_counts, kind="stable")
    per_size = np.bincount(np.minimum(rows.tail_counts, MAX_TAILS + 1), minlength=MAX_TAILS + 2)
    slot = np.full(len(by_size), -1)
    stride = np.ones(len(by_size), np.int64)
    groups = []
    at = first = 0
    for size in range(MAX_TAILS + 1):
        classes = by_size[first : first + per_size[size]]
        first += len(classes)
        if size > 1 and len(classes):
            slot[classes] = at + np.arange(len(classes))
            stride[classes] = len(classes)
            groups.append((size, classes, at))
            at += len(classes) << size
    if not groups:
        return
    start = slot.take(rows.owners)
    weights = rows.weights
    if start.min(initial=0) < 0:
        ending = np.flatnonzero(start >= 0)
        start, codes = start.take(ending), codes.take(ending)
        owners = rows.owners.take(ending)
        weights = None if weights is None else weights.take(ending)
    else:
        owners = rows.owners
    keys = codes * stride.take(owners)
    keys += start
    table = np.bincount(keys, weights, minlength=at)
    if len(keys) < 2**31 and (weights is None or weights.sum() < 2**31):
        table = table.astype(np.int32)  # half the memory to move
    which, codes_found, counts = [], [], []
    for size, classes, at in groups:
        sums = table[at : at + (len(classes) << size)]
        for bit in range(size):
            halves = sums.reshape(-1, 2, len(classes) << bit)
            halves[:, 0] += halves[:, 1]
        # Rows with one tail are dropped earlier, so these entries are wrong: and known.
        sums = sums.reshape(1 << size, len(classes))
        sums[0] = 0
        sums[1 << np.arange(size)] = 0
        frequent = np.flatnonzero(sums >= minimum)
        code, column = np.divmod(frequent, len(classes))
        which.append(classes.take(column))
        codes_found.append(code)
        counts.append(sums.reshape(-1).take(frequent))
    _spell_out(
        rows,
        np.concatenate(which),
        np.concatenate(codes_found),
        np.concatenate(counts),
        longest,
        found,
    )


def _spell_out(rows: Rows, which, codes, counts, longest: int, found: Found) -> None:
    """Turns (class, code, count) into rows of item ranks, one matrix per length."""
    prefixes, tails, tail_firsts = rows.prefixes, rows.tails, rows.tail_firsts
    positions, sizes = _bit_positions()
    size = sizes.take(codes)
    order = np.argsort(size, kind="stable")
    ends = np.cumsum(np.bincount(size, minlength=MAX_TAILS + 1)).tolist()
    depth = prefixes.shape[1]
    most = min(MAX_TAILS, longest - depth)
    found.announce(ends[most])
    if not found.keep:
        return
    for size in range(2, most + 1):
        chosen = order[ends[size - 1] : ends[size]]
        if not len(chosen):
            continue
        classes = which.take(chosen)
        sets = np.empty((len(chosen), depth + size), tails.dtype)
        sets[:, :depth] = prefixes.take(classes, axis=0)
        places = positions[size].take(codes.take(chosen), axis=0)
        sets[:, depth:] = tails.take(places + tail_firsts.take(classes)[:, None])
        found.add(sets, counts.take(chosen))


@functools.cache
def _bit_positions() -> tuple[list[np.ndarray], np.ndarray]:
    """For each number of bits the positions of the set bits of every code, and their number."""
    codes = np.arange(1 << MAX_TAILS)
    sizes = np.bitwise_count(codes)
    row, bit = np.nonzero((codes[:, None] >> np.arange(MAX_TAILS)) & 1)
    ends = np.cumsum(sizes, dtype=np.int64)
    table = np.zeros((len(codes), MAX_TAILS), np.int64)
    table[row, np.arange(len(row)) - (ends - sizes).take(row)] = bit
    return [np.ascontiguousarray(table[:, :size]) for size in range(MAX_TAILS + 1)], sizes
