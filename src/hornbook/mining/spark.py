"""Baskets on Apache Spark: the same two passes as for large files, a partition at a time.

Each partition is mined by the engine where it lies; the union of what they find goes back
to all of them to be counted exactly.  Two passes over the rows, and nothing but itemsets
and counts travels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from hornbook.errors import DataError, OptionError, did_you_mean, require
from hornbook.mining.baskets import Baskets
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.out_of_core import count_part, keep_frequent, mine_part, share_of, unite
from hornbook.mining.support import minimum_count

_MEMORY = 1 << 30


def mine_spark(
    frame: Any,
    min_support: float,
    longest: int,
    limit: int,
    *,
    basket: str | None = None,
    item: str | None = None,
    items: str | None = None,
) -> Itemsets:
    """Frequent itemsets of a Spark table.

    Args:
        frame: A table with a column of arrays, one row per basket, or a row per item.
        min_support, longest, limit: see `frequent_itemsets`.
        basket, item: The columns of a table with a row per item.
        items: The column of arrays; None: the only one.

    Raises:
        DataError: a column is not there, or there are no baskets.
    """
    rows = _baskets_column(frame, basket, item, items).rdd.map(lambda row: row[0] or [])
    rows = rows.persist(require("pyspark", extra="spark").StorageLevel.MEMORY_AND_DISK)
    try:
        total = rows.count()
        if not total:
            raise DataError("The Spark table has no rows: there are no baskets to mine.")
        share = share_of(min_support, total)

        def find(partition: Iterable[Any]) -> Iterator[tuple[list[Any], Itemsets]]:
            part = Baskets.from_lists([list(row) for row in partition])
            if len(part):
                yield mine_part(part, share, longest, _MEMORY, limit)

        union = unite(rows.mapPartitions(find).collect(), limit)
        shared = rows.context.broadcast(union)

        def count(partition: Iterable[Any]) -> Iterator[np.ndarray]:
            part = Baskets.from_lists([list(row) for row in partition])
            if len(part):
                yield count_part(shared.value, part)

        counts = np.zeros(len(union), np.int64)
        for part_counts in rows.mapPartitions(count).toLocalIterator():
            counts += part_counts
        shared.unpersist()
    finally:
        rows.unpersist()
    return keep_frequent(union, counts, minimum_count(min_support, total, 0), total)


def mine_file_on_spark(
    path: str,
    min_support: float,
    columns: dict[str, Any],
    *,
    max_length: int | None,
    limit: int,
    memory: str | int,
) -> Itemsets:
    """Frequent itemsets of a file (or folder, or pattern) that Spark reads by itself.

    Text with one basket per line needs its `separator` when it is not blanks; tables,
    `.csv` with a first line of names or `.parquet`, need `basket` and `item`.
    """
    sql = require("pyspark.sql", extra="spark", package="pyspark")
    from hornbook.mining.reading import SEPARATORS

    session = sql.SparkSession.builder.appName("hornbook mine").getOrCreate()
    basket, item = columns.get("basket"), columns.get("item")
    longest = 2**31 if max_length is None else max_length
    name = columns.get("separator")
    if name is not None and name not in SEPARATORS:
        raise OptionError(f"separator={name!r} is not known.  Known: {', '.join(SEPARATORS)}.")
    try:
        if basket or item:
            if path.endswith(".parquet"):
                frame = session.read.parquet(path)
            else:
                frame = session.read.csv(path, header=True, sep=SEPARATORS[name or "comma"])
            return mine_spark(frame, min_support, longest, limit, basket=basket, item=item)
        functions = sql.functions
        sign = SEPARATORS[name or ("comma" if path.endswith(".csv") else "space")]
        line = functions.trim(functions.col("value"))
        fields = functions.split(line, r"\s+" if sign is None else rf"\s*\Q{sign}\E\s*")
        frame = session.read.text(path).where(line != "").select(fields.alias("items"))
        return mine_spark(frame, min_support, longest, limit)
    except sql.utils.AnalysisException as error:
        raise DataError(f"Spark cannot read {path}: {str(error).splitlines()[0]}") from None


def _baskets_column(frame: Any, basket: str | None, item: str | None, items: str | None) -> Any:
    """The table with one column: the array of items of each basket."""
    from pyspark.sql import functions, types

    names = frame.columns
    for name in filter(None, (basket, item, items)):
        if name not in names:
            raise DataError(f"There is no column {name!r}.  {did_you_mean(name, names)}")
    if basket or item:
        if not (basket and item):
            raise OptionError(
                "Name both columns: the one with the basket and the one with the item."
            )
        named = frame.where(functions.col(basket).isNotNull() & functions.col(item).isNotNull())
        return named.groupBy(basket).agg(functions.collect_set(item).alias("items")).select("items")
    arrays = [f.name for f in frame.schema.fields if isinstance(f.dataType, types.ArrayType)]
    if items is None and len(arrays) != 1:
        raise DataError(
            f"The Spark table has {len(arrays)} columns of arrays.  Name one with items=, or the "
            "columns of a table with a row per item with basket= and item=."
        )
    return frame.select(items or arrays[0])
