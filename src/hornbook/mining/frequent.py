"""`frequent_itemsets`: from any kind of baskets to the table of frequent itemsets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hornbook.mining.changes import Changes
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.sources.basket_source import source_of
from hornbook.mining.sources.question import LIMIT, MEMORY, MIN_SUPPORT, checked_question


def frequent_itemsets(
    baskets: Any,
    min_support: float = MIN_SUPPORT,
    *,
    max_length: int | None = None,
    kind: str = "all",
    weights: Any = None,
    categories: Mapping[Any, Any] | None = None,
    exclude: Iterable[Any] = (),
    method: str = "projection",
    memory: str | int = MEMORY,
    limit: int = LIMIT,
    **columns: Any,
) -> Itemsets:
    """Finds every set of items that is in at least `min_support` of the baskets.

    Args:
        baskets: Lists of lists, a Series or Arrow column of lists, a boolean NumPy array or
            SciPy sparse matrix `(baskets, items)`, a pandas, Polars or Arrow table, a Spark
            table, `Baskets`, or the path of a file.
        min_support: A share of the baskets (a float up to 1.0) or a number of baskets (an
            int).  Exact: 7 of 100 baskets are frequent at 0.07.
        max_length: The maximum number of items in a set; None: any number.
        kind: `"all"`, `"closed"` (no larger set is in as many baskets) or `"maximal"` (no
            larger set is frequent).
        weights: `(baskets,)` whole numbers from 0 on: how often each basket counts.
        categories: `{item: category}`; categories are mined too, see `hierarchy`.
        exclude: Items to leave out; the baskets still count.
        method: `"projection"` (fast) or `"apriori"` (the textbook algorithm, for comparison).
        memory: The maximum memory for a file, the search and its result, like `"500MB"`, beside
            100 MB for Python, NumPy and their buffers; baskets that are passed come on top.  A
            file that does not fit is mined in parts (see `out_of_core`), and a result that does
            not fit stops the search.  The answer and its order are the same with any memory.
        limit: More itemsets than this stop the search.
        **columns: For tables and files: `basket=` and `item=` name the columns of a table
            with one row per item; see `tables.from_columns` and `reading.read_baskets`.

    Returns:
        The itemsets in columns.

    Raises:
        OptionError: `min_support` is 0 or too large, an unknown kind or method, or more
            than `limit` itemsets.
        DataError: the baskets cannot be read, or there are none.
    """
    excluded = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    changes = Changes(excluded, categories)
    question = checked_question(min_support, max_length, kind, method, memory, limit, changes)
    return source_of(baskets, question.memory, weights=weights, **columns).mine(question)
