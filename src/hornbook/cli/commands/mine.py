"""`hornbook mine FILE`: frequent itemsets and association rules of a file of baskets."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hornbook.mining import Itemsets, Rules

Group = argparse._ArgumentGroup


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="a basket per line, or a table; - is standard input"
    )
    _add_reading_options(parser.add_argument_group("reading"))
    _add_search_options(parser.add_argument_group("search"))
    _add_output_options(parser.add_argument_group("output"))


def _add_reading_options(group: Group) -> None:
    group.add_argument(
        "--basket", metavar="COLUMN", help="table with a row per item: the basket's column"
    )
    group.add_argument(
        "--item", metavar="COLUMN", help="table with a row per item: the item's column"
    )
    group.add_argument(
        "--table", action="store_true", help="table with a row per basket: yes/no, or column=value"
    )
    group.add_argument(
        "--bins",
        type=int,
        metavar="N",
        help="cut numeric columns into N ranges with equally many values",
    )
    group.add_argument(
        "--separator",
        metavar="SIGN",
        help="tab, pipe, semicolon, comma, space, or any one character (default: detected)",
    )
    group.add_argument(
        "--encoding", metavar="NAME", help="utf-8, gb18030, cp1252 ... (default: detected)"
    )
    group.add_argument(
        "--header",
        choices=["yes", "no"],
        help="whether the first line is a header and not a basket (default: detected)",
    )
    group.add_argument(
        "--first-field",
        choices=["item", "count", "id"],
        help="what each line begins with: an item, the number of items that follow, or the ID of "
        "the basket (default: detected)",
    )
    group.add_argument(
        "--missing",
        choices=["error", "drop"],
        default="error",
        help="what to do with missing items (default: %(default)s)",
    )
    group.add_argument(
        "--categories",
        metavar="FILE",
        help="CSV with columns item,category: mine categories as well",
    )


def _add_search_options(group: Group) -> None:
    from hornbook.mining.condensed import KINDS
    from hornbook.mining.sources.question import LIMIT, MEMORY, MIN_SUPPORT

    group.add_argument(
        "--min-support",
        default=str(MIN_SUPPORT),
        metavar="S",
        help="minimum share (0.01, 1%%) or number (50) of baskets (default: %(default)s)",
    )
    group.add_argument(
        "--min-confidence",
        default="0.5",
        metavar="C",
        help="minimum share of the baskets with the antecedent that have the consequent too "
        "(default: %(default)s)",
    )
    group.add_argument("--max-length", type=int, metavar="N", help="maximum items per set")
    group.add_argument(
        "--kind", choices=KINDS, default="all", help="kind of itemsets (default: %(default)s)"
    )
    group.add_argument(
        "--consequents",
        choices=["one", "any"],
        default="one",
        help="number of items in the consequent (default: %(default)s)",
    )
    group.add_argument(
        "--memory",
        default=MEMORY,
        metavar="SIZE",
        help="maximum memory, in addition to 100 MB for Python; larger files are mined in parts "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--limit",
        type=int,
        default=LIMIT,
        metavar="N",
        help="maximum number of itemsets; more stop the search (default: %(default)s)",
    )
    group.add_argument(
        "--spark", action="store_true", help="mine on Apache Spark (pip install 'hornbook[spark]')"
    )


def _add_output_options(group: Group) -> None:
    group.add_argument(
        "--consequent", metavar="ITEM", help="select rules with ITEM in the consequent"
    )
    group.add_argument("--contains", metavar="ITEM", help="select rules and itemsets with ITEM")
    group.add_argument(
        "--exclude",
        metavar="ITEM",
        action="append",
        default=[],
        help="leave ITEM out of all baskets; may be repeated",
    )
    group.add_argument(
        "--prune", action="store_true", help="drop rules that a shorter one makes redundant"
    )
    group.add_argument(
        "--max-p-value",
        type=float,
        metavar="P",
        help="maximum p-value of a rule (Fisher's exact test, Holm's correction)",
    )
    group.add_argument(
        "--sort",
        default="lift",
        metavar="MEASURE",
        help="measure to sort by, best first: lift, confidence ... (default: %(default)s)",
    )
    group.add_argument(
        "--top",
        type=int,
        default=20,
        metavar="K",
        help="number of rules to print (default: %(default)s)",
    )
    group.add_argument(
        "--rules", metavar="OUT", help="write the rules: .csv, .tsv, .jsonl or .parquet"
    )
    group.add_argument(
        "--itemsets", metavar="OUT", help="write the itemsets: .csv, .tsv, .jsonl or .parquet"
    )
    group.add_argument(
        "--report", metavar="OUT.html", help="write a page with sentences, charts and tables"
    )


def run(options: argparse.Namespace) -> None:
    from hornbook.cli.mining.options import checked_confidence
    from hornbook.cli.mining.search import search
    from hornbook.mining.condensed import condense
    from hornbook.mining.rules.table_files import write_itemsets, write_rules
    from hornbook.progress import note

    confidence = checked_confidence(options)
    start = time.perf_counter()
    itemsets, notes = search(options)
    for line in notes:
        note(line)
    rules = _choose(_rules(itemsets, confidence, options), options)
    selection = condense(itemsets, options.kind) if itemsets.kind == "all" else itemsets
    if options.contains is not None:
        from hornbook.mining.rules.rule_table import sets_with

        selection = selection.take(sets_with(selection, options.contains).nonzero()[0])
    seconds = time.perf_counter() - start
    note(f"{len(selection):,} itemsets and {len(rules):,} rules in {seconds:.2f} s.")
    if options.itemsets:
        write_itemsets(selection, options.itemsets)
        note(f"Itemsets written to {options.itemsets}")
    if options.rules:
        write_rules(rules, options.rules)
        note(f"Rules written to {options.rules}")
    if options.report:
        _report(selection, rules, options, notes, seconds)
    _print(selection, rules, options.top)  # last, so that files are written even if this fails


def _rules(itemsets: Itemsets, confidence: float, options: argparse.Namespace) -> Rules:
    from hornbook.mining.rules.association import BYTES_PER_RULE, LIMIT, association_rules
    from hornbook.mining.rules.rule_table import Rules
    from hornbook.mining.sources.question import bytes_of

    if itemsets.kind == "all":
        room = max(10_000, bytes_of(options.memory) // BYTES_PER_RULE)
        return association_rules(
            itemsets, confidence, consequents=options.consequents, limit=min(LIMIT, room)
        )
    return Rules.none(itemsets)


def _choose(rules: Rules, options: argparse.Namespace) -> Rules:
    """Returns the selected rules, best first."""
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
    from hornbook.mining.rules.sentences import itemset_rows, rule_rows
    from hornbook.progress import print_table

    if len(rules):
        header = ["baskets with", "also have", "baskets", "support", "confidence", "lift"]
        print_table(
            f"{min(top, len(rules)):,} of {len(rules):,} rules", header, rule_rows(rules, top)
        )
    else:
        scope = f"The {min(top, len(itemsets)):,} most frequent of {len(itemsets):,} itemsets"
        title = f"No rules.  {scope}"
        print_table(title, ["items", "baskets", "support"], itemset_rows(itemsets, top))


def _report(
    itemsets: Itemsets, rules: Rules, options: argparse.Namespace, notes: list[str], seconds: float
) -> None:
    from hornbook.files import atomic_file
    from hornbook.mining.rules.sentences import number_of_baskets, report
    from hornbook.progress import note

    facts: dict[str, Any] = {
        "minimum support": f"{options.min_support} ({number_of_baskets(itemsets.minimum)})",
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
