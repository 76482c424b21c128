"""The first step for dense data: frequent pairs from a matrix product.

When most baskets hold many of the frequent items, writing out their pairs is wasteful.
Here each frequent item is a column of zeros and ones.  One matrix product counts all
pairs.  A second one gives every basket its code in every item's class: the columns of the
class's tails, weighted by powers of two.  Equal baskets are merged, first as a whole and
again in each class, where few different ones are left (chess at 60 %: 2,500 baskets with
the tenth item, 100 different).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hornbook.mining.found import Found
from hornbook.mining.projection import descend
from hornbook.mining.rows import CODE_BITS, Rows, merge_equal
from hornbook.mining.superset_sums import count_all_subsets, ends_here

# float64 holds whole numbers exactly up to 2 ** 53, so a product may pack this many bits.
PRODUCT_BITS = 52
PRODUCT_SIZE = 1 << 18


def first_step_by_columns(
    rows: Rows, minimum: int, longest: int, found: Found, entries: int
) -> bool:
    """Finds every frequent set of two or more items.

    Returns:
        False if a class has more tails than fit a code; then nothing was added.

    Args:
        rows: The one class of all baskets, with no prefix; see `Rows`.
        minimum, longest, found, entries: see `projection.descend`.
    """
    number = len(rows.tails)
    weights = np.ones(len(rows.lengths)) if rows.weights is None else rows.weights
    columns = np.zeros((number, len(rows.lengths)), bool)
    columns[rows.items, np.repeat(np.arange(len(rows.lengths)), rows.lengths)] = True
    if number <= CODE_BITS:
        codes = _codes(np.ones((1, number), bool), columns)[0]
        kept, weights = merge_equal(codes, np.zeros(len(codes), np.int64), weights)
        columns = columns.take(kept, axis=1)
    counts = np.zeros((number, number))
    for part in _parts(columns, number):
        factors = columns[:, part].astype(np.float64)
        counts += (factors * weights[part]) @ factors.T
    is_tail = np.triu(counts >= minimum, 1)
    tail_counts = is_tail.sum(axis=1)
    if tail_counts.max() > CODE_BITS:
        return False
    first, second = np.nonzero(is_tail)
    found.announce(len(first))
    pairs = np.stack([rows.tails.take(first), rows.tails.take(second)], axis=1)
    found.add(pairs, counts[first, second])
    classes = np.flatnonzero(tail_counts > 1)
    if longest < 3 or not len(classes):
        return True
    # Where a basket holds the class's item, its code is a row of the class.
    codes = _codes(is_tail[classes], columns).reshape(-1)
    held = columns.take(classes, axis=0)
    owners = np.repeat(np.arange(len(classes)), np.count_nonzero(held, axis=1))
    cells = np.flatnonzero(held)
    codes = codes.take(cells)
    weights = weights.take(cells - owners * held.shape[1])
    rows = Rows(
        np.empty(0, np.int64),
        np.empty(0, np.int64),
        owners,
        weights,
        rows.tails.take(classes)[:, None],
        tail_counts.take(classes),
        rows.tails.take(np.nonzero(is_tail[classes])[1]),
    )
    small = ends_here(rows)
    count_all_subsets(rows, codes, small, minimum, longest, found)
    left = ~small.take(owners) & (np.bitwise_count(codes) > 1)
    chosen = np.flatnonzero(left)
    if len(chosen):
        codes, owners = codes.take(chosen), owners.take(chosen)
        kept, rows.weights = merge_equal(codes, owners, weights.take(chosen))
        codes, rows.owners = codes.take(kept), owners.take(kept)
        row, rows.items = np.nonzero((codes[:, None] >> np.arange(rows.tail_counts.max())) & 1)
        rows.lengths = np.bincount(row, minlength=len(codes))
        descend(rows, minimum, longest, found, entries)
    return True


def _codes(is_tail: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """`(classes, baskets)` int64: bit `i` says whether the basket holds the class's tail `i`."""
    position = np.cumsum(is_tail, axis=1) - 1
    codes = np.zeros((len(is_tail), columns.shape[1]), np.int64)
    for low in range(0, CODE_BITS, PRODUCT_BITS):
        inside = is_tail & (position >= low) & (position < low + PRODUCT_BITS)
        if inside.any():
            powers = np.where(inside, 2.0 ** (position - low), 0)
            for part in _parts(columns, len(is_tail)):
                codes[:, part] += (powers @ columns[:, part]).astype(np.int64) << low
    return codes


def _parts(columns: np.ndarray, height: int) -> Iterator[slice]:
    """Cuts the baskets so finely that OpenBLAS multiplies a part on the calling thread.

    Its other threads would spend more time waiting than working on products this flat.
    """
    step = max(16, PRODUCT_SIZE // (height * len(columns)))
    for start in range(0, columns.shape[1], step):
        yield slice(start, start + step)
