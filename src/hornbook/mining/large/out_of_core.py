"""Mines files larger than memory, in two passes over parts (SON).

A set that is frequent in the whole file has at least the same relative support in some part.  So
the first pass mines each part by itself and finds a superset of the frequent sets; the second pass
counts these candidates in the whole file.

Reference: Savasere, Omiecinski and Navathe, An Efficient Algorithm for Mining Association
Rules in Large Databases, 1995.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from numbers import Integral
from typing import Any

import numpy as np

from hornbook.errors import DataError, OptionError
from hornbook.mining.baskets import Baskets
from hornbook.mining.changes import Changes
from hornbook.mining.hierarchy import without_relatives
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.large.counting import count_sets
from hornbook.mining.ordering import in_order
from hornbook.mining.search.collecting import Collector, SearchStopped
from hornbook.mining.search.engine import search
from hornbook.mining.search.item_rows import sums_of
from hornbook.mining.sources.question import Question
from hornbook.mining.support import exact, minimum_count
from hornbook.mining.too_many import TooManyItemsetsError

SHARE_OF_CANDIDATES = 4  # the sets of all parts may take 1/4 of the memory until they are united


def mine_parts(
    parts: Callable[[], Iterable[Baskets]], question: Question, notes: list[str]
) -> Itemsets:
    """Finds all frequent itemsets of baskets that come in parts.

    Args:
        parts: Iterates over all parts whenever it is called; see `file_parts.parts_of`.
        question: What to search for; its kind is ignored.
        notes: Receives what was dropped or merged.
    """
    min_support, changes = question.min_support, question.changes
    total = sum(map(len, parts())) if isinstance(min_support, Integral) else 1
    share = share_of(min_support, max(1, total))
    # in small parts many sets are frequent by chance; more than fit into memory are useless
    room = max(1 << 22, question.memory // SHARE_OF_CANDIDATES)
    candidates: list[tuple[list[Any], Itemsets]] = []
    names: set[Any] = set()
    baskets = 0
    occurrences: Counter[str] = Counter()
    for part in parts():
        baskets += len(part)
        for note in part.notes:
            number, _, what = note.partition(" ")
            occurrences[what] += int(number.replace(",", ""))
        if changes.exclude:
            names.update(map(str, part.labels))
        candidates.append(mine_part(changes.apply(part), share, question, room))
        labels, itemsets = candidates[-1]
        # the names of its items take memory too
        room -= itemsets.items.nbytes + 16 * len(itemsets) + 100 * len(labels)
    if not baskets:
        raise DataError("There are no baskets to mine: all parts are empty.")
    changes.refuse_useless(names)
    notes += [f"{number:,} {what}" for what, number in occurrences.items()]
    union = unite(candidates, question.limit)
    counts = np.zeros(len(union), np.int64)
    for part in parts():
        counts += count_part(union, changes.apply(part), question.memory // 8)
    minimum = minimum_count(min_support, baskets, len(union.labels))
    return keep_frequent(union, counts, minimum, baskets, changes)


def share_of(min_support: float, total: int) -> Fraction:
    """Returns the minimum support as an exact share of `total` baskets; see `minimum_count`."""
    minimum_count(min_support, total, 0)  # raises if it is invalid
    return (
        Fraction(int(min_support), total)
        if isinstance(min_support, Integral)
        else exact(min_support)
    )


def mine_part(
    part: Baskets, share: Fraction, question: Question, room: int = 2**62
) -> tuple[list[Any], Itemsets]:
    """Finds the sets that are frequent in one part, and the names of the items in them.

    Raises:
        TooManyItemsetsError: there are more than the limit, or than fit into `room` bytes.
    """
    minimum = max(1, math.ceil(share * len(part)))
    try:
        collector = Collector(question.limit, room=room)
        columns = search(part, minimum, question.max_length, collector, question.memory)
    except SearchStopped:
        raise TooManyItemsetsError(
            f"In a part of {len(part):,} baskets, with a minimum count of {minimum:,}, there are "
            "too many itemsets to count.\nTry more memory, so that parts are larger, a larger "
            "minimum support, or a maximum length."
        ) from None
    itemsets = Itemsets(*columns, part.labels, part.total, minimum)
    codes = np.flatnonzero(np.bincount(itemsets.items))
    code_of = np.cumsum(np.bincount(itemsets.items) > 0, dtype=np.int32) - 1
    labels = [itemsets.label_of(code) for code in codes.tolist()]
    return labels, Itemsets(
        itemsets.offsets,
        code_of.take(itemsets.items),
        itemsets.counts,
        labels,
        itemsets.total,
        minimum,
    )


def unite(parts: Sequence[tuple[list[Any], Itemsets]], limit: int) -> Itemsets:
    """Returns the distinct sets of all parts, with common codes."""
    code_of: dict[Any, int] = {}
    by_length: dict[int, list[np.ndarray]] = {}
    for labels, itemsets in parts:
        common = np.array([code_of.setdefault(label, len(code_of)) for label in labels], np.int32)
        for _, matrix in itemsets.by_length:
            sets = np.sort(common[matrix], axis=1)
            by_length.setdefault(matrix.shape[1], []).append(sets)
    items = [np.empty(0, np.int32)]
    lengths = [np.empty(0, np.int64)]
    number = 0
    for length in sorted(by_length):
        sets = _each_once(np.concatenate(by_length.pop(length)), len(code_of))
        number += len(sets)
        items.append(sets.ravel())
        lengths.append(np.full(len(sets), length))
    if number > limit:
        raise OptionError(
            f"In parts of the file there are {number:,} frequent itemsets to count, more than "
            f"{limit:,}.\nTry a larger minimum support, a maximum length, or more memory."
        )
    counts = np.zeros(number, np.int64)
    offsets = sums_of(np.concatenate(lengths))
    return Itemsets(offsets, np.concatenate(items), counts, list(code_of), 0, 1)


def _each_once(sets: np.ndarray, items: int) -> np.ndarray:
    """Returns the distinct rows of `sets`; numbering prefixes is ten times faster than `unique`."""
    prefix = np.zeros(len(sets), np.int64)
    for column in sets.T:
        _, first, prefix = np.unique(
            prefix * items + column, return_index=True, return_inverse=True
        )
    return sets[first]


def count_part(union: Itemsets, part: Baskets, room: int = 1 << 26) -> np.ndarray:
    """Counts the baskets of one part that hold each set of the union, `(sets,)`."""
    code_of = {label: code for code, label in enumerate(union.labels)}
    labels = part.labels.tolist() if isinstance(part.labels, np.ndarray) else part.labels
    common = np.array([code_of.get(label, -1) for label in labels], np.int64)
    return count_sets(union, part, common, room)


def keep_frequent(
    union: Itemsets, counts: np.ndarray, minimum: int, total: int, changes: Changes
) -> Itemsets:
    """Returns the sets of the union that are frequent in all baskets."""
    itemsets = Itemsets(union.offsets, union.items, counts, union.labels, total, minimum)
    frequent = in_order(itemsets.take(np.flatnonzero(counts >= minimum)))
    if changes.categories is None:
        return frequent
    return without_relatives(frequent, changes.categories)
