"""Mines baskets in memory: all frequent itemsets, or only the closed or maximal ones."""

from __future__ import annotations

import numpy as np

from hornbook.mining.apriori import apriori
from hornbook.mining.baskets import Baskets
from hornbook.mining.condensed import MAX_FILTERED, condense
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.ordering import in_order
from hornbook.mining.search import engine
from hornbook.mining.search.collecting import Collector, SearchStopped
from hornbook.mining.sources.question import UNBOUNDED, Question
from hornbook.mining.too_many import TooManyItemsetsError, refuse_too_many, too_many


def mine_baskets(baskets: Baskets, minimum: int, question: Question) -> Itemsets:
    """Finds all sets in at least `minimum` of the baskets.

    Raises:
        TooManyItemsetsError: there are more than the limit, or than fit into memory.
    """
    if question.method == "apriori":
        return _mine_by_apriori(baskets, minimum, question.max_length)
    longest, limit, kind = question.max_length, question.limit, question.kind

    def refuse() -> None:
        refuse_too_many(baskets, minimum, longest, limit, kind)

    collector = Collector(limit, when_many=refuse, room=question.room)
    try:
        columns = engine.search(baskets, minimum, longest, collector, question.memory)
    except SearchStopped:
        entries = engine.entries_in(question.memory)
        raise too_many(baskets, minimum, longest, limit, collector, entries, kind=kind) from None
    return Itemsets(*columns, baskets.labels, baskets.total, minimum)


def _mine_by_apriori(baskets: Baskets, minimum: int, longest: int) -> Itemsets:
    sets = apriori(baskets, minimum, longest)
    lengths = np.fromiter(map(len, sets), np.int64, len(sets))
    offsets = np.zeros(len(sets) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    items = np.fromiter((code for codes in sets for code in codes), np.int32, offsets[-1])
    counts = np.fromiter(sets.values(), np.int64, len(sets))
    return in_order(Itemsets(offsets, items, counts, baskets.labels, baskets.total, minimum))


def mine_condensed(baskets: Baskets, minimum: int, question: Question) -> Itemsets:
    """Finds the closed or maximal sets, directly or by filtering all sets if they are few.

    Raises:
        TooManyItemsetsError: there are more than the limit, or than fit into memory.
    """
    collector = Collector(question.limit, room=question.room)
    try:
        itemsets = _mine_directly(baskets, minimum, question, collector, only_dense=True)
        if itemsets is not None:
            return itemsets
        all_collector = Collector(min(question.limit, MAX_FILTERED), room=question.room)
        try:
            columns = engine.search(baskets, minimum, UNBOUNDED, all_collector, question.memory)
        except SearchStopped:
            itemsets = _mine_directly(baskets, minimum, question, collector, only_dense=False)
        else:
            all_sets = Itemsets(*columns, baskets.labels, baskets.total, minimum)
            return condense(all_sets, question.kind)
    except SearchStopped:
        raise _too_many_condensed(baskets, minimum, question, collector) from None
    if itemsets is None:  # too many items and baskets for the bits of both
        itemsets = condense(mine_baskets(baskets, minimum, question), question.kind)
    return itemsets


def _mine_directly(
    baskets: Baskets, minimum: int, question: Question, collector: Collector, *, only_dense: bool
) -> Itemsets | None:
    """Finds the closed or maximal sets directly; for None see `engine.mine_condensed`."""
    columns = engine.mine_condensed(
        baskets.codes,
        baskets.lengths,
        baskets.weights,
        minimum,
        question.kind == "maximal",
        collector,
        engine.entries_in(question.memory),
        only_dense,
        baskets.labels,
    )
    if columns is None:
        return None
    return Itemsets(*columns, baskets.labels, baskets.total, minimum, question.kind)


def _too_many_condensed(
    baskets: Baskets, minimum: int, question: Question, collector: Collector
) -> TooManyItemsetsError:
    maximum = collector.count if collector.is_full else question.limit
    more = "more memory" if collector.is_full else "a higher limit"
    so_far = " so far" if question.kind == "maximal" else ""
    return TooManyItemsetsError(
        f"At this support ({minimum:,} of {baskets.total:,} baskets) there are more than "
        f"{maximum:,} {question.kind} itemsets{so_far}.\nTry a larger minimum support, or {more}."
    )
