"""Checks the options of `hornbook mine`."""

from __future__ import annotations

import argparse


def checked_confidence(options: argparse.Namespace) -> float:
    """Checks the options before any work is done; returns the minimum confidence.

    Raises:
        OptionError: an option is invalid, or options contradict each other.
    """
    from hornbook.errors import OptionError
    from hornbook.mining.rules.measures import MEASURES
    from hornbook.mining.rules.table_files import check_ending

    for path in filter(None, (options.rules, options.itemsets)):
        check_ending(path)
    confidence = number(options.min_confidence, "confidence")
    parquet = options.file.lower().endswith((".parquet", ".pq"))
    p_value = options.max_p_value
    problems = {
        f"--report is {options.report}, but a page must end in .html.": options.report
        and not options.report.lower().endswith((".html", ".htm")),
        f"The minimum confidence is {confidence}; it must be a share from 0 to 1.": not (
            0 <= confidence <= 1
        ),
        f"The maximum p-value is {p_value}; it must be a share from 0 to 1.": p_value is not None
        and not 0 <= p_value <= 1,
        f"--top is {options.top}; it must be at least 1.": options.top < 1,
        f"--limit is {options.limit}; it must be at least 1.": options.limit < 1,
        f"--bins is {options.bins}; it must be at least 2.": options.bins is not None
        and options.bins < 2,
        "--bins is for the numeric columns of a table: add --table.": options.bins is not None
        and not (options.table or parquet),
        "--table is for a row per basket, --basket and --item for a row per item: use one.": (
            options.table and (options.basket or options.item)
        ),
        f"{options.kind.capitalize()} sets may have any length: omit --max-length.": (
            options.kind != "all" and options.max_length is not None
        ),
        f"Unknown measure {options.sort!r}.  Known: {', '.join(MEASURES)}.": (
            options.sort not in MEASURES
        ),
        "--spark does not support standard input: name a file.": (
            options.spark and options.file == "-"
        ),
    }
    for message, is_problem in problems.items():
        if is_problem:
            raise OptionError(message)
    return float(confidence)


def number(text: str, name: str, counts: bool = False) -> int | float:
    """Parses `"0.01"`, `"1%"` or, if a count is allowed, `"50"`."""
    from fractions import Fraction

    from hornbook.errors import OptionError

    try:
        if counts and text.strip().lstrip("+-").isdigit():
            return int(text)
        if text.strip().endswith("%"):
            return float(Fraction(text.strip()[:-1]) / 100)
        return float(text)
    except ValueError:
        expected = "a share such as 0.01 or 1%"
        if counts:
            expected += ", or a number of baskets such as 50"
        raise OptionError(f"The minimum {name} is {text!r}; expected {expected}.") from None


def flag_of(name: str) -> str:
    """Returns the flag of an argument of `frequent_itemsets`."""
    return "--" + name.replace("_", "-")
