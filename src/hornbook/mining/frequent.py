"""`frequent_itemsets`: from baskets of any kind to a table of frequent itemsets."""

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
    """Finds all sets of items that are in at least `min_support` of the baskets.

    Args:
        baskets: Lists of lists, a Series or Arrow column of lists, a boolean NumPy array or
            SciPy sparse matrix `(baskets, items)`, a pandas, Polars or Arrow table, a Spark
            table, `Baskets`, or the path of a file.
        min_support: A share of the baskets (a float up to 1.0) or a number of baskets (an
            int).  Exact: 7 of 100 baskets are frequent at 0.07.
        max_length: Maximum number of items in a set.  Defaults to no maximum.
        kind: `"all"`, `"closed"` (no larger set is in as many baskets) or `"maximal"` (no
            larger set is frequent).
        weights: `(baskets,)` integers of 0 or more: how often each basket counts.  Defaults to
            once each.
        categories: `{item: category}`; categories are mined like items, see `hierarchy`.
        exclude: Items to leave out; their baskets still count.
        method: `"projection"` (fast) or `"apriori"` (the textbook algorithm, for comparison).
        memory: Maximum memory for a file, the search and its result, such as `"500MB"`, in
            addition to 100 MB for Python, NumPy and their buffers, and to baskets passed in
            memory.  A file that does not fit is mined in parts (see `out_of_core`); a result that
            does not fit stops the search.  The result and its order do not depend on it.
        limit: Maximum number of itemsets; more stop the search.
        **columns: Options for tables and files: `basket=` and `item=` name the columns of a table
            with a row per item; see `tables.from_columns` and `basket_files.read_baskets`.

    Raises:
        OptionError: `min_support` is 0 or too large, the kind or method is unknown, or there are
            more than `limit` itemsets.
        DataError: the baskets cannot be read, or there are none.
    """
    items = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    changes = Changes(items, categories)
    question = checked_question(min_support, max_length, kind, method, memory, limit, changes)
    return source_of(baskets, question.memory, weights=weights, **columns).mine(question)
