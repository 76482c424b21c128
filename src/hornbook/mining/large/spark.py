"""Mines baskets on Apache Spark, in the same two passes as for large files.

Each partition is mined by the engine on its worker; the union of the results is broadcast and
counted exactly.  That takes two passes over the rows, and only itemsets and counts are transferred.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from hornbook.errors import DataError, HornbookError, OptionError, did_you_mean, require
from hornbook.mining.baskets import Baskets
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.large.out_of_core import count_part, keep_frequent, mine_part, share_of, unite
from hornbook.mining.reading.basket_layout import find_layout
from hornbook.mining.reading.survey import Survey
from hornbook.mining.sources.question import Question
from hornbook.mining.support import minimum_count
from hornbook.tabular.encodings import check_encoding
from hornbook.tabular.separators import find_table_separator, sep_line, separator_named


def mine_spark(
    frame: Any,
    question: Question,
    *,
    basket: str | None = None,
    item: str | None = None,
    items: str | None = None,
    table: bool = False,
    bins: int | None = None,
    missing: str = "error",
) -> Itemsets:
    """Finds all frequent itemsets of a Spark table.

    Args:
        frame: A table with a row per basket and a column of arrays, a row per item, or a row per
            basket and a column per item or category.
        question: What to search for; its kind is ignored.
        basket, item: The columns of a table with a row per item.
        items: The column of arrays.  Defaults to the only one.
        table, bins, missing: See `read_baskets`.

    Raises:
        DataError: there is no such column, a value is missing, or there are no baskets.
    """
    changes = question.changes
    if not table:
        frame = _baskets_column(frame, basket, item, items, missing)
    level = require("pyspark", extra="spark").StorageLevel.MEMORY_AND_DISK
    rows = frame.rdd.persist(level)
    try:
        total = rows.count()
        if not total:
            raise DataError("The Spark table has no rows: there are no baskets to mine.")
        share = share_of(question.min_support, total)
        names = frame.columns
        survey = _survey(rows, names, bins, missing) if table else None

        def baskets_of(partition: Iterable[Any]) -> Baskets:
            lists = list(map(list, partition))
            if survey is None:
                return Baskets.from_lists([row[0] or [] for row in lists])
            return survey.baskets(_columns(names, lists)) if lists else Baskets.from_lists([])

        def find(partition: Iterable[Any]) -> Iterator[Any]:
            effects = replace(changes)
            try:
                part = baskets_of(partition)
                if len(part):
                    candidates = mine_part(effects.apply(part), share, question)
                    yield candidates, effects, list(part.labels) if effects.exclude else []
            except HornbookError as error:
                yield error  # raised on a worker it would come back as a Java stack trace

        results = rows.mapPartitions(find).collect()
        for result in results:
            if isinstance(result, HornbookError):
                raise result
            changes.merge(result[1])
        changes.refuse_useless(chain.from_iterable(labels for *_, labels in results))
        union = unite([candidates for candidates, *_ in results], question.limit)
        broadcast = rows.context.broadcast(union)

        def count(partition: Iterable[Any]) -> Iterator[np.ndarray]:
            part = baskets_of(partition)
            if len(part):
                yield count_part(broadcast.value, replace(changes).apply(part))

        counts = np.zeros(len(union), np.int64)
        for part_counts in rows.mapPartitions(count).toLocalIterator():
            counts += part_counts
        broadcast.unpersist()
    finally:
        rows.unpersist()
    minimum = minimum_count(question.min_support, total, 0)
    return keep_frequent(union, counts, minimum, total, changes)


def _survey(rows: Any, names: Sequence[str], bins: int | None, missing: str) -> Survey:
    """Surveys the columns of the whole table."""

    def look(partition: Iterable[Any]) -> Iterator[Survey]:
        lists = list(map(list, partition))
        if lists:
            survey = Survey(bins)
            survey.look(_columns(names, lists))
            yield survey

    survey = Survey(bins)
    for part in rows.mapPartitions(look).toLocalIterator():
        survey.merge(part)
    survey.refuse(missing)
    return survey


def _columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    columns = zip(*rows, strict=True)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def mine_file_on_spark(
    path: str,
    question: Question,
    *,
    separator: str | None = None,
    encoding: str | None = None,
    header: str = "auto",
    first_field: str = "auto",
    **columns: Any,
) -> Itemsets:
    """Finds all frequent itemsets of a file, folder or pattern that Spark itself reads.

    Spark splits lines at a separator and knows neither quotes nor headers of basket files, so files
    that it would read differently from a single machine are refused.

    Args:
        path: UTF-8 text with a basket per line, a table with a header line, or `.parquet`.
        question: What to search for; its kind is ignored.
        separator, encoding, header, first_field: See `read_baskets`.
    """
    sql = require("pyspark.sql", extra="spark", package="pyspark")
    session = sql.SparkSession.builder.appName("hornbook mine").getOrCreate()
    if check_encoding(encoding) not in (None, "utf-8"):
        raise OptionError(f"Spark reads UTF-8 only, not {encoding}: convert the file first.")
    try:
        if path.endswith((".parquet", ".pq")):
            frame = session.read.parquet(path)
        else:
            head = [row[0] for row in session.read.text(path).head(500)]
            if columns.get("table") or columns.get("basket") or columns.get("item"):
                sign = _table_sign(head, path, separator)
                frame = session.read.csv(path, header=True, sep=sign or " ", escape='"')
            else:
                choices = {"header": header, "first_field": first_field}
                sign = _line_sign(head, path, separator, choices)
                functions = sql.functions
                line = functions.trim(functions.col("value"))
                fields = functions.split(line, r"\s+" if sign is None else rf"\s*\Q{sign}\E\s*")
                frame = session.read.text(path).where(line != "").select(fields.alias("items"))
        return mine_spark(frame, question, **columns)
    except sql.utils.AnalysisException as error:
        raise DataError(f"Spark cannot read {path}: {str(error).splitlines()[0]}") from None


def _table_sign(head: Sequence[str], path: str, separator: str | None) -> str | None:
    """Returns the separator of a table."""
    _refuse_unsupported(head, path)
    first = next((line for line in head if line.strip()), "")
    return separator_named(separator) if separator else find_table_separator(first)


def _line_sign(
    head: Sequence[str], path: str, separator: str | None, choices: dict[str, str]
) -> str | None:
    """Returns the separator of the items of a line."""
    _refuse_unsupported(head, path)
    layout = find_layout("\n".join(head), path, separator=separator, **choices)
    if layout.skip or layout.first_field != "item":
        what = "a header" if layout.skip else f"a {layout.first_field} before the items"
        raise DataError(
            f"{path} has {what}, which Spark would read as items.\n"
            "Remove it from the file, or mine without --spark."
        )
    if any(re.search(r'(^|[\t|;,])\s*"', line) for line in head):
        raise DataError(
            f"{path} has quoted items, and Spark would keep the quotes.  Mine it without --spark."
        )
    return layout.sign


def _refuse_unsupported(head: Sequence[str], path: str) -> None:
    """Raises DataError for text that Spark would read differently."""
    if any("\ufffd" in line or "\0" in line for line in head):
        raise DataError(f"{path} is not UTF-8, which Spark requires: convert the file first.")
    if head and sep_line(head[0]) is not None:
        raise DataError(
            f"{path} begins with Excel's sep= line, which Spark would read as data.\n"
            "Remove the line, or mine without --spark."
        )


def _baskets_column(
    frame: Any, basket: str | None, item: str | None, items: str | None, missing: str
) -> Any:
    """Returns the table with a single column: the array of items of each basket."""
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
        is_complete = functions.col(basket).isNotNull() & functions.col(item).isNotNull()
        rows = frame.where(is_complete)
        gaps = frame.where(~is_complete).count()
        if gaps and missing == "error":
            raise DataError(
                f"{gaps:,} rows have no {basket!r} or no {item!r}.\n"
                "Fill them in, or drop them with missing='drop' (--missing drop)."
            )
        return rows.groupBy(basket).agg(functions.collect_set(item).alias("items")).select("items")
    arrays = [f.name for f in frame.schema.fields if isinstance(f.dataType, types.ArrayType)]
    if items is None and len(arrays) != 1:
        raise DataError(
            f"The Spark table has {len(arrays)} columns of arrays.  Name one with items=, or the "
            "columns of a table with a row per item with basket= and item=."
        )
    return frame.select(items or arrays[0])
