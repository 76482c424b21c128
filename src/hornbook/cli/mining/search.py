"""Mines the frequent itemsets of a file for `hornbook mine`, with notes for the user."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hornbook.mining import Baskets, Itemsets
    from hornbook.mining.sources.memory_source import MemorySource
    from hornbook.mining.sources.question import Question


def search(options: argparse.Namespace) -> tuple[Itemsets, list[str]]:
    """Reads the file and returns its frequent itemsets, with notes for the user."""
    from hornbook.cli.mining.options import flag_of, number
    from hornbook.mining.changes import Changes
    from hornbook.mining.hierarchy import read_categories
    from hornbook.mining.rules.sentences import number_of_baskets
    from hornbook.mining.sources.basket_source import FilePartsSource, SparkSource, source_of
    from hornbook.mining.sources.question import checked_question

    support = number(options.min_support, "support", counts=True)
    categories = None
    if options.categories:
        categories = read_categories(options.categories, options.encoding)
    changes = Changes(tuple(options.exclude), categories)
    question = checked_question(
        support,
        options.max_length,
        "all",
        "projection",
        options.memory,
        options.limit,
        changes,
        flag_of,
    )
    start = time.perf_counter()
    source = source_of(options.file, question.memory, spark=options.spark, **_columns(options))
    seconds = time.perf_counter() - start
    if isinstance(source, SparkSource):
        itemsets = source.mine(question)
        return itemsets, [f"{number_of_baskets(itemsets.total)}, mined on Spark."]
    if isinstance(source, FilePartsSource):
        itemsets = source.mine(question)
        parts = f"{number_of_baskets(itemsets.total)}, mined in parts that fit into memory."
        return itemsets, [parts, *itemsets.notes]
    notes = _notes_on(source.baskets, options, seconds)
    itemsets, more_notes = _mine_in_memory(source, question, options)
    minimum = f"Frequent means in {number_of_baskets(itemsets.minimum)} or more."
    return itemsets, [*notes, *more_notes, minimum]


def _columns(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the options for reading the file, by their names in `read_baskets`."""
    names = (
        *("basket", "item", "table", "bins", "separator"),
        *("encoding", "header", "first_field"),
    )
    columns = {name: getattr(options, name) for name in names if getattr(options, name)}
    return columns | {"missing": options.missing}


def _mine_in_memory(
    source: MemorySource, question: Question, options: argparse.Namespace
) -> tuple[Itemsets, list[str]]:
    """Returns all itemsets, which rules need; or, if they are too many, those of one kind."""
    from hornbook.mining.condensed import MAX_FILTERED
    from hornbook.mining.too_many import TooManyItemsetsError

    if options.kind == "all" or options.rules:
        return source.mine(question), []
    # without --rules, users should not wait for very many sets to derive rules from
    limited = replace(question, limit=min(question.limit, MAX_FILTERED))
    try:
        return source.mine(limited), []
    except TooManyItemsetsError:
        note = f"There are too many itemsets for rules: only {options.kind} ones are mined."
        return source.mine(replace(question, kind=options.kind)), [note]


def _notes_on(baskets: Baskets, options: argparse.Namespace, seconds: float) -> list[str]:
    """Prints a summary of the baskets, and returns further notes."""
    from hornbook.errors import DataError
    from hornbook.progress import note

    if len(baskets) == 1:
        raise DataError(
            f"{options.file} has only one basket; at least two are needed to find rules."
        )
    note(_summary(baskets, seconds))
    notes = list(baskets.notes)
    if not (options.basket or options.item or options.table):
        notes += _looks_like_a_table(baskets)
    return notes


def _summary(baskets: Baskets, seconds: float) -> str:
    import numpy as np

    items = int(np.count_nonzero(np.bincount(baskets.codes)))
    mean = len(baskets.codes) / max(1, len(baskets))
    return (
        f"Read {len(baskets):,} baskets of {mean:.1f} items on average, {items:,} distinct items, "
        f"in {seconds:.2f} s."
    )


def _looks_like_a_table(baskets: Baskets) -> list[str]:
    """Returns a note if all lines have equally many fields and those of the first never recur."""
    import numpy as np

    width = int(baskets.lengths[0])
    if len(baskets) < 10 or width < 2 or (baskets.lengths[1:] < width).any():
        return []
    if (baskets.lengths > width).any() or isinstance(baskets.labels, np.ndarray):
        return []
    if (np.bincount(baskets.codes)[baskets.codes[:width]] > 1).any():
        return []
    first = ", ".join(map(str, baskets[0]))
    return [
        f"Every line has {width} fields, and the first line ({first}) looks like column "
        "names.  If this is a table, name the columns with --basket and --item, or add --table."
    ]
