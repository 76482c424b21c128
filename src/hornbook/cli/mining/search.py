"""`hornbook mine` from a file to its frequent itemsets, and what to tell about both."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hornbook.mining import Baskets, Itemsets


def search(options: argparse.Namespace) -> tuple[Itemsets, list[str]]:
    """Reads the file and finds all frequent itemsets; what to tell about it."""
    from hornbook.cli.mining.options import number
    from hornbook.mining.changes import Changes
    from hornbook.mining.condensed import MOST_FILTERED
    from hornbook.mining.frequent import bytes_of, frequent_itemsets
    from hornbook.mining.hierarchy import read_categories
    from hornbook.mining.large.file_parts import fits
    from hornbook.mining.rules.sentences import number_of_baskets
    from hornbook.mining.too_many import FloodError
    from hornbook.progress import note

    support = number(options.min_support, "support", counts=True)
    limits = {
        "max_length": options.max_length,
        "memory": bytes_of(options.memory),
        "limit": options.limit,
    }
    columns = {
        name: getattr(options, name)
        for name in (
            *("basket", "item", "table", "bins", "separator"),
            *("encoding", "header", "first_field"),
        )
        if getattr(options, name)
    } | {"missing": options.missing}
    categories = None
    if options.categories:
        categories = read_categories(options.categories, options.encoding)
    changed = {"exclude": options.exclude, "categories": categories}
    if options.spark:
        from hornbook.mining.large.spark import mine_file_on_spark

        changes = Changes(tuple(options.exclude), categories)
        itemsets = mine_file_on_spark(options.file, support, changes=changes, **limits, **columns)
        return itemsets, [f"{number_of_baskets(itemsets.total)}, mined on Spark."]
    if not fits(options.file, limits["memory"]):
        itemsets = frequent_itemsets(options.file, support, **limits, **changed, **columns)
        return itemsets, [
            f"{number_of_baskets(itemsets.total)}, read in parts of the memory allowed.",
            *itemsets.notes,
        ]
    baskets, notes = _read(options, columns)
    note(notes[0])
    asked = options.kind == "all" or options.rules
    # Who did not ask for rules does not wait for very many sets to make them from.
    few = {} if asked else {"limit": min(options.limit, MOST_FILTERED)}
    try:
        itemsets = frequent_itemsets(baskets, support, **(limits | few), **changed)
    except FloodError:
        if asked:
            raise
        itemsets = frequent_itemsets(baskets, support, kind=options.kind, **limits, **changed)
        notes.append(f"All itemsets, which rules need, are too many: only {options.kind} ones.")
    return itemsets, [
        *notes[1:],
        f"Frequent means in {number_of_baskets(itemsets.minimum)} or more.",
    ]


def _read(options: argparse.Namespace, columns: dict[str, Any]) -> tuple[Baskets, list[str]]:
    """The baskets of the file, and what to tell about them."""
    from hornbook.errors import DataError
    from hornbook.mining.reading.basket_files import read_baskets

    started = time.perf_counter()
    baskets = read_baskets(options.file, **columns)
    if len(baskets) == 1:
        raise DataError(
            f"{options.file} has only one basket: nothing can be said about what goes together."
        )
    notes = [_summary(baskets, time.perf_counter() - started), *baskets.notes]
    if not (options.basket or options.item or options.table):
        notes += _looks_like_a_table(baskets)
    return baskets, notes


def _summary(baskets: Baskets, seconds: float) -> str:
    import numpy as np

    items = int(np.count_nonzero(np.bincount(baskets.codes)))
    mean = len(baskets.codes) / max(1, len(baskets))
    return (
        f"Read {len(baskets):,} baskets of {mean:.1f} items on average, {items:,} different items, "
        f"in {seconds:.2f} s."
    )


def _looks_like_a_table(baskets: Baskets) -> list[str]:
    """A warning when the lines all have as many fields and the first ones never come again."""
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
        f"Every line has {width} fields, and the first line ({first}) looks like the names of "
        "columns.  If this is a table, name the columns with --basket and --item, or say --table."
    ]
