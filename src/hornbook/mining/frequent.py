"""`frequent_itemsets`: from any kind of baskets to the table of frequent itemsets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.errors import DataError, OptionError
from hornbook.mining.apriori import apriori
from hornbook.mining.baskets import Baskets
from hornbook.mining.changes import Changes
from hornbook.mining.condensed import KINDS, MOST_FILTERED, condense
from hornbook.mining.hierarchy import without_relatives
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.large.file_parts import MixedParts, fits, parts_of
from hornbook.mining.large.out_of_core import mine_parts
from hornbook.mining.ordering import in_order
from hornbook.mining.search import engine
from hornbook.mining.search.collecting import Collector, TooManyItemsets
from hornbook.mining.support import minimum_count
from hornbook.mining.too_many import FloodError, refuse_flood, too_many

METHODS = ("projection", "apriori")
LIMIT = 50_000_000
# Of the memory, one part in so many is for the sets that are found; the rest is for what is
# made of baskets, and later of the sets.
SHARE_OF_SETS = 3


def frequent_itemsets(
    baskets: Any,
    min_support: float = 0.01,
    *,
    max_length: int | None = None,
    kind: str = "all",
    weights: Any = None,
    categories: Mapping[Any, Any] | None = None,
    exclude: Iterable[Any] = (),
    method: str = "projection",
    memory: str | int = "2GB",
    limit: int = LIMIT,
    **columns: Any,
) -> Itemsets:
    """Every set of items that is in at least `min_support` of the baskets.

    Args:
        baskets: Lists of lists, a Series or Arrow column of lists, a boolean NumPy array or
            SciPy sparse matrix `(baskets, items)`, a pandas, Polars or Arrow table, a Spark
            table, `Baskets`, or the path of a file.
        min_support: A share of the baskets (a float up to 1.0) or a number of baskets (an
            int).  Exact: 7 of 100 baskets are frequent at 0.07.
        max_length: The most items a set may have; None: any number.
        kind: `"all"`, `"closed"` (no larger set is in as many baskets) or `"maximal"` (no
            larger set is frequent).
        weights: `(baskets,)` whole numbers from 0 on: how often each basket counts.
        categories: `{item: category}`; categories are mined too, see `hierarchy`.
        exclude: items to leave out; the baskets still count.
        method: `"projection"` (fast) or `"apriori"` (the textbook's, to compare with).
        memory: The most memory that a file may take with search and result, like `"500MB"`,
            beside the 100 MB for Python, NumPy and their buffers; baskets that are passed come
            on top.  A file that does not fit is mined in parts (see `out_of_core`), and a
            result that does not fit stops the search.  The answer and its order are the same
            with any memory.
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
    for value, allowed, name in ((kind, KINDS, "kind"), (method, METHODS, "method")):
        if value not in allowed:
            raise OptionError(f"{name}={value!r} is not known.  Known: {', '.join(allowed)}.")
    for number, name in ((max_length, "max_length"), (limit, "limit")):
        if number is not None and (not isinstance(number, Integral) or number < 1):
            why = "the shortest sets have 1 item" if name == "max_length" else "1 must be allowed"
            raise OptionError(f"{name} is {number!r}; it must be a whole number from 1 on: {why}.")
    longest = 2**31 if max_length is None else int(max_length)
    if kind != "all" and max_length is not None:
        raise OptionError(f"kind={kind!r} looks at sets of every length: leave out max_length.")
    memory = bytes_of(memory)
    changes = Changes((exclude,) if isinstance(exclude, str) else tuple(exclude), categories)
    if is_spark(baskets):
        from hornbook.mining.large.spark import mine_spark

        refuse_weights(weights, "a Spark table")
        found = mine_spark(baskets, min_support, longest, memory, limit, changes, **columns)
        return condense(found, kind)
    if isinstance(baskets, str | Path) and not fits(baskets, memory):
        refuse_weights(weights, f"{baskets}, which does not fit into {memory:,} bytes")
        notes: list[str] = []
        options = (min_support, longest, memory, limit, changes, notes)
        with parts_of(baskets, memory, notes=notes, **columns) as parts:
            try:
                found = mine_parts(parts, *options)
            except MixedParts:
                found = mine_parts(parts, *options)
        return replace(condense(found, kind), notes=notes)
    baskets = as_baskets(baskets, **columns)
    if weights is not None:
        baskets = weighted(baskets, weights)
    if not len(baskets) or not baskets.total:
        raise DataError("There are no baskets to mine.")
    given, baskets = baskets, changes.apply(baskets)
    changes.refuse_useless(given.labels)
    items = int(np.count_nonzero(np.bincount(baskets.codes)))
    minimum = minimum_count(min_support, baskets.total, items)
    if kind != "all" and method == "projection" and categories is None:
        return mine_condensed(baskets, minimum, kind, memory, limit)
    itemsets = mine_baskets(baskets, minimum, longest, method, memory, limit)
    if categories is not None:
        itemsets = without_relatives(itemsets, categories)
    return condense(itemsets, kind)


def mine_condensed(baskets: Baskets, minimum: int, kind: str, memory: int, limit: int) -> Itemsets:
    """The closed or maximal sets: found directly, or among all where these are few."""

    room = memory // SHARE_OF_SETS
    collected = Collector(limit, room=room)

    def directly(only_dense: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        return engine.mine_condensed(
            baskets.codes,
            baskets.lengths,
            baskets.weights,
            minimum,
            kind == "maximal",
            collected,
            engine.entries_in(memory),
            only_dense,
            baskets.labels,
        )

    def table(columns: tuple[np.ndarray, np.ndarray, np.ndarray], kind: str) -> Itemsets:
        return Itemsets(*columns, baskets.labels, baskets.total, minimum, kind)

    try:
        found = directly(only_dense=True)
        if found is None:
            try:
                few = Collector(min(limit, MOST_FILTERED), room=room)
                every = engine.search(baskets, minimum, 2**31, few, memory)
                return condense(table(every, "all"), kind)
            except TooManyItemsets:
                found = directly(only_dense=False)
    except TooManyItemsets:
        most = collected.count if collected.is_full else limit
        more = "more memory" if collected.is_full else "a higher limit"
        raise FloodError(
            f"At this support ({minimum:,} of {baskets.total:,} baskets) there are more than "
            f"{most:,} {kind} itemsets{' so far' if kind == 'maximal' else ''}.\n"
            f"Try a larger minimum support, or {more}."
        ) from None
    if found is None:  # too many items and baskets for the bits of both
        return condense(mine_baskets(baskets, minimum, memory=memory, limit=limit), kind)
    return table(found, kind)


def mine_baskets(
    baskets: Baskets,
    minimum: int,
    longest: int = 2**31,
    method: str = "projection",
    memory: int = 1 << 31,
    limit: int = LIMIT,
) -> Itemsets:
    """All sets in at least `minimum` of the baskets; see `frequent_itemsets`."""
    if method == "apriori":
        sets = apriori(baskets, minimum, longest)
        lengths = np.fromiter(map(len, sets), np.int64, len(sets))
        offsets = np.zeros(len(sets) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        items = np.fromiter((code for codes in sets for code in codes), np.int32, offsets[-1])
        counts = np.fromiter(sets.values(), np.int64, len(sets))
        return in_order(Itemsets(offsets, items, counts, baskets.labels, baskets.total, minimum))
    else:

        def refuse() -> None:
            refuse_flood(baskets, minimum, longest, limit)

        found = Collector(limit, when_many=refuse, room=memory // SHARE_OF_SETS)
        try:
            offsets, items, counts = engine.search(baskets, minimum, longest, found, memory)
        except TooManyItemsets:
            raise too_many(
                baskets, minimum, longest, limit, found, engine.entries_in(memory)
            ) from None
    return Itemsets(offsets, items, counts, baskets.labels, baskets.total, minimum)


def as_baskets(baskets: Any, **columns: Any) -> Baskets:
    """Baskets from whatever they come in; see `frequent_itemsets`."""
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
    if hasattr(baskets, "__array__"):  # of NumPy, or of a backend
        return tables.from_array(np.asanyarray(baskets), **columns)
    lists.refuse_options(columns, "lists")
    return lists.from_lists(baskets)


def weighted(baskets: Baskets, weights: Any) -> Baskets:
    """The same baskets, each counting as often as its weight says."""
    array = np.asarray(weights)
    if array.shape != (len(baskets),):
        raise DataError(f"{array.size:,} weights were given for {len(baskets):,} baskets.")
    whole = array.astype(np.int64) if array.dtype.kind in "iufb" else None
    if whole is None or not np.array_equal(whole, array) or (whole < 0).any():
        raise DataError(
            "The weights must be whole numbers from 0 on: how often each basket counts.\n"
            "Multiply shares by 1000, say, and round them."
        )
    if int(whole.sum()) >= 1 << 53:
        raise DataError("The weights add up to more than 2^53, beyond which counts are not exact.")
    return Baskets(baskets.codes, baskets.lengths, baskets.labels, whole, baskets.notes)


def refuse_weights(weights: Any, of: str) -> None:
    """Weights belong to baskets that are all at hand."""
    if weights is not None:
        raise OptionError(f"Weights cannot be used with {of}: it is mined in parts.")


def bytes_of(memory: str | int) -> int:
    """`"2GB"` as a number of bytes."""
    if isinstance(memory, Integral) and memory > 0:
        return int(memory)
    units = {"TB": 1 << 40, "GB": 1 << 30, "MB": 1 << 20, "KB": 1 << 10, "B": 1}
    text = str(memory).strip().upper().replace(" ", "")
    unit = next((unit for unit in units if text.endswith(unit)), None)
    if unit is not None:
        try:
            size = int(float(text.removesuffix(unit)) * units[unit])
        except (ValueError, OverflowError):
            size = 0
        if size > 0:
            return size
    raise OptionError(f"memory={memory!r} is no amount of memory.  Write it like 500MB or 2GB.")


def is_spark(value: Any) -> bool:
    """Whether `value` is a Spark table, without importing Spark."""
    return type(value).__module__.startswith("pyspark.")
