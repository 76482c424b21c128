"""Baskets that are all in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.errors import DataError
from hornbook.mining.baskets import Baskets
from hornbook.mining.condensed import condense
from hornbook.mining.hierarchy import without_relatives
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.sources.in_memory import mine_baskets, mine_condensed
from hornbook.mining.sources.question import Question
from hornbook.mining.support import minimum_count


@dataclass
class MemorySource:
    """Baskets in memory."""

    baskets: Baskets

    def mine(self, question: Question) -> Itemsets:
        """Returns the frequent itemsets of the baskets.

        Raises:
            OptionError: the minimum support is invalid, or there are too many itemsets.
            DataError: there are no baskets.
        """
        if not len(self.baskets) or not self.baskets.total:
            raise DataError("There are no baskets to mine.")
        changes = question.changes
        baskets = changes.apply(self.baskets)
        changes.refuse_useless(self.baskets.labels)
        items = int(np.count_nonzero(np.bincount(baskets.codes)))
        minimum = minimum_count(question.min_support, baskets.total, items)
        is_direct = question.method == "projection" and changes.categories is None
        if question.kind != "all" and is_direct:
            return mine_condensed(baskets, minimum, question)
        itemsets = mine_baskets(baskets, minimum, question)
        if changes.categories is not None:
            itemsets = without_relatives(itemsets, changes.categories)
        return condense(itemsets, question.kind)


def as_baskets(baskets: Any, **columns: Any) -> Baskets:
    """Reads baskets from any of the types that `frequent_itemsets` accepts."""
    from hornbook.mining.reading import lists, tables

    if isinstance(baskets, Baskets):
        return baskets
    if isinstance(baskets, str | Path):
        from hornbook.mining.reading.basket_files import read_baskets

        return read_baskets(baskets, **columns)
    if hasattr(baskets, "tocsr"):
        return tables.from_sparse(baskets, **columns)
    if type(baskets).__module__.split(".")[0] in ("pandas", "polars", "pyarrow", "duckdb", "modin"):
        is_grouped = type(baskets).__name__.endswith("GroupBy")
        is_table = hasattr(baskets, "collect") or hasattr(baskets, "columns")
        read = tables.from_frame if is_table and not is_grouped else lists.from_series
        return read(baskets, **columns)
    if hasattr(baskets, "__array__"):  # a NumPy array, or a backend's tensor
        return tables.from_array(np.asanyarray(baskets), **columns)
    lists.refuse_options(columns, "lists")
    return lists.from_lists(baskets)


def weighted(baskets: Baskets, weights: Any) -> Baskets:
    """Returns the baskets with weights: how often each counts."""
    array = np.asarray(weights)
    if array.shape != (len(baskets),):
        raise DataError(f"{array.size:,} weights were given for {len(baskets):,} baskets.")
    whole = array.astype(np.int64) if array.dtype.kind in "iufb" else None
    if whole is None or not np.array_equal(whole, array) or (whole < 0).any():
        raise DataError(
            "The weights must be integers of 0 or more: how often each basket counts.\n"
            "To use shares, multiply them by 1000, for example, and round them."
        )
    if int(whole.sum()) >= 1 << 53:
        raise DataError("The weights add up to more than 2^53, beyond which counts are not exact.")
    return Baskets(baskets.codes, baskets.lengths, baskets.labels, whole, baskets.notes)
