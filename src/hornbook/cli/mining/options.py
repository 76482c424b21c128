"""Checks the options of `hornbook mine`."""

from __future__ import annotations

import argparse


def checked_confidence(options: argparse.Namespace) -> float:
    """Refuses what cannot work before any work is done; returns the minimum confidence."""
    from hornbook.errors import OptionError
    from hornbook.mining.rules.measures import MEASURES
    from hornbook.mining.rules.table_files import check_ending

    for path in filter(None, (options.rules, options.itemsets)):
        check_ending(path)
    confidence = number(options.min_confidence, "confidence")
    parquet = options.file.lower().endswith((".parquet", ".pq"))
    p_value = options.max_p_value
    wrong = {
        f"--report is {options.report}, but a page must end in .html.": options.report
        and not options.report.lower().endswith((".html", ".htm")),
        f"The minimum confidence is {confidence}; it must be a share from 0 to 1.": not (
            0 <= confidence <= 1
        ),
        f"The maximum p-value is {p_value}; it must be a share from 0 to 1.": p_value is not None
        and not 0 <= p_value <= 1,
        f"--top is {options.top}, but at least 1 rule must be shown.": options.top < 1,
        f"--limit is {options.limit}, but at least 1 itemset must be allowed.": options.limit < 1,
        f"--bins is {options.bins}; at least 2 ranges are needed.": options.bins is not None
        and options.bins < 2,
        "--bins cuts numeric columns of a table: add --table.": options.bins is not None
        and not (options.table or parquet),
        "--table means a row per basket, --basket and --item a row per item: choose one.": (
            options.table and (options.basket or options.item)
        ),
        f"{options.kind.capitalize()} sets may have any length: leave out --max-length.": (
            options.kind != "all" and options.max_length is not None
        ),
        f"Unknown measure {options.sort!r}.  Known: {', '.join(MEASURES)}.": (
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


def number(text: str, name: str, counts: bool = False) -> int | float:
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


def flag_of(name: str) -> str:
    """The flag of an argument of `frequent_itemsets`."""
    return "--" + name.replace("_", "-")
