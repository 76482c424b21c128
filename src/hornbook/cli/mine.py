"""`hornbook mine FILE`: which things go together, and how surely."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hornbook.mining import Baskets, Itemsets, Rules


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="one basket per line, or a table; - is standard input"
    )
    read = parser.add_argument_group("what is read")
    read.add_argument(
        "--basket", metavar="COLUMN", help="table with a row per item: the basket's column"
    )
    read.add_argument(
        "--item", metavar="COLUMN", help="table with a row per item: the item's column"
    )
    read.add_argument(
        "--table", action="store_true", help="table with a row per basket: yes/no, or column=value"
    )
    read.add_argument(
        "--bins", type=int, metavar="N", help="cut numeric columns into N equally full ranges"
    )
    read.add_argument(
        "--separator", metavar="NAME", help="tab, semicolon, comma or space; default: found out"
    )
    read.add_argument(
        "--missing", choices=["error", "drop"], default="error", help="what to do with empty items"
    )
    read.add_argument(
        "--categories", metavar="FILE", help="CSV with columns item,category: mine categories too"
    )
    find = parser.add_argument_group("what is found")
    find.add_argument(
        "--min-support",
        default="0.01",
        metavar="S",
        help="share (0.01, 1%%) or number (50) of baskets",
    )
    find.add_argument(
        "--min-confidence",
        default="0.5",
        metavar="C",
        help="share of the baskets where a rule is right",
    )
    find.add_argument("--max-length", type=int, metavar="N", help="most items in a set")
    find.add_argument(
        "--kind", choices=["all", "closed", "maximal"], default="all", help="which itemsets"
    )
    find.add_argument(
        "--consequents",
        choices=["one", "any"],
        default="one",
        help="how many items after the arrow",
    )
    find.add_argument(
        "--memory", default="2GB", metavar="SIZE", help="for the search; larger files go in parts"
    )
    find.add_argument(
        "--limit", type=int, default=50_000_000, metavar="N", help="more itemsets stop the search"
    )
    find.add_argument(
        "--spark", action="store_true", help="mine on Apache Spark (pip install 'hornbook[spark]')"
    )
    show = parser.add_argument_group("what is shown and written")
    show.add_argument("--consequent", metavar="ITEM", help="only rules that lead to ITEM")
    show.add_argument("--contains", metavar="ITEM", help="only rules and itemsets with ITEM")
    show.add_argument(
        "--exclude",
        metavar="ITEM",
        action="append",
        default=[],
        help="leave ITEM out; may be repeated",
    )
    show.add_argument(
        "--prune", action="store_true", help="drop rules that a shorter one makes needless"
    )
    show.add_argument(
        "--max-p-value",
        type=float,
        metavar="P",
        help="drop rules that may be chance (Fisher, Holm)",
    )
    show.add_argument(
        "--sort", default="lift", metavar="MEASURE", help="best first by lift, confidence, ..."
    )
    show.add_argument("--top", type=int, default=20, metavar="K", help="rules to print")
    show.add_argument(
        "--rules", metavar="OUT", help="write all rules: .csv, .tsv, .jsonl or .parquet"
    )
    show.add_argument("--itemsets", metavar="OUT", help="write all itemsets, likewise")
    show.add_argument(
        "--report", metavar="OUT.html", help="write a page with words, pictures and tables"
    )


def run(options: argparse.Namespace) -> None:
    from hornbook.mining.condensed import condense
    from hornbook.mining.writing import write_itemsets, write_rules
    from hornbook.progress import note

    confidence = _check(options)
    started = time.perf_counter()
    itemsets, notes = _mine(options)
    for line in notes:
        note(line)
    rules = _choose(_rules(itemsets, confidence, options), options)
    shown = condense(itemsets, options.kind) if itemsets.kind == "all" else itemsets
    if options.contains is not None:
        from hornbook.mining.rules import sets_with

        shown = shown.take(sets_with(shown, options.contains).nonzero()[0])
    seconds = time.perf_counter() - started
    _print(shown, rules, options.top)
    note(f"{len(shown):,} itemsets and {len(rules):,} rules in {seconds:.2f} s.")
    if options.itemsets:
        write_itemsets(shown, options.itemsets)
        note(f"Itemsets written to {options.itemsets}")
    if options.rules:
        write_rules(rules, options.rules)
        note(f"Rules written to {options.rules}")
    if options.report:
        _report(shown, rules, options, notes, seconds)


def _check(options: argparse.Namespace) -> float:
    """Refuses what cannot work before any work is done; the minimum confidence."""
    from hornbook.errors import OptionError
    from hornbook.mining.measures import MEASURES
    from hornbook.mining.writing import check_ending

    for path in filter(None, (options.rules, options.itemsets)):
        check_ending(path)
    confidence = _number(options.min_confidence, "confidence")
    parquet = options.file.lower().endswith((".parquet", ".pq"))
    p_value = options.max_p_value
    wrong = {
        f"The report {options.report} is a page: its name must end in .html.": options.report
        and not options.report.lower().endswith((".html", ".htm")),
        f"The minimum confidence is {confidence}; it is a share from 0 to 1.": not (
            0 <= confidence <= 1
        ),
        f"The maximum p-value is {p_value}; it is a share from 0 to 1.": p_value is not None
        and not 0 <= p_value <= 1,
        f"--top is {options.top}, but at least 1 rule must be shown.": options.top < 1,
        f"--limit is {options.limit}, but at least 1 itemset must be allowed.": options.limit < 1,
        f"--bins is {options.bins}; at least 2 ranges are needed.": options.bins is not None
        and options.bins < 2,
        "--bins cuts numeric columns of a table: say --table too.": options.bins is not None
        and not (options.table or parquet),
        "--table is a row per basket, --basket and --item a row per item: choose one.": (
            options.table and (options.basket or options.item)
        ),
        f"A {options.kind} set may be of any length: leave out --max-length.": (
            options.kind != "all" and options.max_length is not None
        ),
        f"There is no measure {options.sort!r}.  Known: {', '.join(MEASURES)}.": (
            options.sort not in MEASURES
        ),
        "Spark reads files, not the standard input: name a file.": (
            options.spark and options.file == "-"
        ),
    }
    for message, is_wrong in wrong.items():
        if is_wrong:
            raise OptionError(message)
    return float(confidence)


def _rules(itemsets: Itemsets, confidence: float, options: argparse.Namespace) -> Rules:
    from hornbook.mining.association import association_rules
    from hornbook.mining.rules import Rules

    if itemsets.kind == "all":
        return association_rules(itemsets, confidence, consequents=options.consequents)
    return Rules.none(itemsets)


def _mine(options: argparse.Namespace) -> tuple[Itemsets, list[str]]:
    """Reads the file and finds all frequent itemsets; what to tell about it."""
    from hornbook.mining.changes import Changes
    from hornbook.mining.condensed import MOST_FILTERED
    from hornbook.mining.flood import FloodError
    from hornbook.mining.frequent import bytes_of, frequent_itemsets
    from hornbook.mining.parts import fits
    from hornbook.progress import note

    support = _number(options.min_support, "support", counts=True)
    search = {
        "max_length": options.max_length,
        "memory": bytes_of(options.memory),
        "limit": options.limit,
    }
    columns = {
        name: getattr(options, name)
        for name in ("basket", "item", "table", "bins", "separator")
        if getattr(options, name)
    } | {"missing": options.missing}
    categories = _read_categories(options.categories) if options.categories else None
    changed = {"exclude": options.exclude, "categories": categories}
    if options.spark:
        from hornbook.mining.spark import mine_file_on_spark

        changes = Changes(tuple(options.exclude), categories)
        itemsets = mine_file_on_spark(options.file, support, changes=changes, **search, **columns)
        return itemsets, [f"{itemsets.total:,} baskets, mined on Spark."]
    if not fits(options.file, search["memory"]):
        itemsets = frequent_itemsets(options.file, support, **search, **changed, **columns)
        return itemsets, [f"{itemsets.total:,} baskets, read in parts of the memory allowed."]
    baskets, notes = _read(options, columns)
    note(notes[0])
    asked = options.kind == "all" or options.rules
    # Who did not ask for rules does not wait for very many sets to make them from.
    few = {} if asked else {"limit": min(options.limit, MOST_FILTERED)}
    try:
        itemsets = frequent_itemsets(baskets, support, **(search | few), **changed)
    except FloodError:
        if asked:
            raise
        itemsets = frequent_itemsets(baskets, support, kind=options.kind, **search, **changed)
        notes.append(f"All itemsets, which rules need, are too many: only {options.kind} ones.")
    return itemsets, [*notes[1:], f"Frequent means in {itemsets.minimum:,} baskets or more."]


def _read(options: argparse.Namespace, columns: dict[str, Any]) -> tuple[Baskets, list[str]]:
    """The baskets of the file, and what to tell about them."""
    from hornbook.errors import DataError
    from hornbook.mining.reading import read_baskets

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


def _choose(rules: Rules, options: argparse.Namespace) -> Rules:
    """The rules that were asked for, best first."""
    if options.prune:
        rules = rules.without_redundant()
    if options.max_p_value is not None:
        rules = rules.take(rules.p_values("fisher", "holm") <= options.max_p_value)
    if options.consequent is not None:
        rules = rules.take(rules.with_item(options.consequent, "consequent"))
    if options.contains is not None:
        rules = rules.take(rules.with_item(options.contains))
    return rules.sorted_by(options.sort)


def _print(itemsets: Itemsets, rules: Rules, top: int) -> None:
    from hornbook.mining.sentences import itemset_rows, rule_rows
    from hornbook.progress import print_table

    if len(rules):
        header = ["baskets with", "also have", "baskets", "support", "confidence", "lift"]
        print_table(
            f"{min(top, len(rules)):,} of {len(rules):,} rules", header, rule_rows(rules, top)
        )
    else:
        some = f"The {min(top, len(itemsets)):,} most frequent of {len(itemsets):,} itemsets"
        title = f"No rules.  {some}"
        print_table(title, ["items", "baskets", "support"], itemset_rows(itemsets, top))


def _report(
    itemsets: Itemsets, rules: Rules, options: argparse.Namespace, notes: list[str], seconds: float
) -> None:
    from hornbook.files import atomic_file
    from hornbook.mining.sentences import report
    from hornbook.progress import note

    facts: dict[str, Any] = {
        "minimum support": f"{options.min_support} ({itemsets.minimum:,} baskets)",
        "minimum confidence": options.min_confidence,
        "itemsets": options.kind,
        "time": f"{seconds:.2f} s",
    }
    if notes:
        facts["notes"] = " ".join(notes)
    text = report(itemsets, rules, Path(options.file).name, facts, max(options.top, 100))
    with atomic_file(options.report, "w") as file:
        file.write(text)
    note(f"Report written to {options.report}")


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


def _read_categories(path: str) -> dict[str, str]:
    """Item to category from a CSV with those two columns; a header line is allowed."""
    import csv
    import io

    from hornbook.errors import DataError
    from hornbook.mining.unpacking import decode, read_bytes

    rows = list(csv.reader(io.StringIO(decode(read_bytes(path), path, []), newline="")))
    wrong = [number for number, row in enumerate(rows, 1) if row and len(row) != 2]
    if wrong or not rows:
        raise DataError(
            f"{path} must have two columns, item and category (see line {(wrong or [1])[0]})."
        )
    pairs = [(row[0].strip(), row[1].strip()) for row in rows if row]
    return dict(pairs[1:] if pairs[0] == ("item", "category") else pairs)


def _number(text: str, name: str, counts: bool = False) -> int | float:
    """`"0.01"`, `"1%"` or, where a count is allowed, `"50"`."""
    from fractions import Fraction

    from hornbook.errors import OptionError

    try:
        if counts and text.strip().lstrip("+-").isdigit():
            return int(text)
        if text.strip().endswith("%"):
            return float(Fraction(text.strip()[:-1]) / 100)
        return float(text)
    except ValueError:
        what = "a share like 0.01 or 1%" + (", or a number of baskets like 50" if counts else "")
        raise OptionError(f"The minimum {name} {text!r} is not {what}.") from None
