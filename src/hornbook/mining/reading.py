"""Basket files: one basket per line, or a table, in whatever dress people have them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.errors import DataError, OptionError
from hornbook.mining.baskets import Baskets, encode, without_repeats
from hornbook.mining.integers import parse_integers
from hornbook.mining.unpacking import decode, read_bytes
from hornbook.tabular.parquet import read_parquet

SEPARATORS = {"tab": "\t", "semicolon": ";", "comma": ",", "space": None}
MISSING = ("error", "drop")


def read_baskets(
    path: str | Path,
    *,
    basket: str | None = None,
    item: str | None = None,
    table: bool = False,
    separator: str | None = None,
    bins: int | None = None,
    missing: str = "error",
) -> Baskets:
    """Reads a file of baskets.

    Without `basket`, `item` and `table` every line is a basket.  Plain and gzipped text is
    read, UTF-8, UTF-16 or GB 18030, and Parquet; `-` is standard input.

    Args:
        path: The file.
        basket: The column that says which basket a row belongs to ...
        item: ... and the one that names the item: a table with a row per item.
        table: A table with a row per basket: yes or no for each item, or categories,
            which become the items `column=value`.
        separator: `"tab"`, `"semicolon"`, `"comma"` or `"space"`; None finds it out.
        bins: Cuts numeric columns of a table into that many equally full ranges.
        missing: What to do with empty items: `"error"` or `"drop"`.

    Raises:
        DataError: the file is missing, empty or damaged, a column is not there, an item is
            empty, or a quote is never closed.
    """
    from hornbook.mining import tables

    if str(path).lower().endswith((".parquet", ".pq")):
        return tables.from_frame(
            read_parquet(path), basket=basket, item=item, bins=bins, missing=missing
        )
    raw = read_bytes(path)
    if not raw.strip():
        name = "The standard input" if str(path) == "-" else path
        raise DataError(f"{name} is empty: there are no baskets to mine.")
    notes: list[str] = []
    if basket or item or table:
        columns = read_columns(decode(raw, path, notes), path, separator)
        if not any(columns.values()):
            raise DataError(f"{path} has a first line with names, and no rows.")
        return tables.from_columns(
            columns, basket=basket, item=item, bins=bins, missing=missing, notes=notes
        )
    return parse_lines(raw, path, separator=separator, missing=missing)


def parse_lines(
    raw: bytes,
    path: str | Path,
    *,
    separator: str | None = None,
    missing: str = "error",
    first_line: int = 1,
) -> Baskets:
    """Baskets from text with one per line; empty lines are none.

    Args:
        raw: Whole lines.
        path: For messages.
        separator, missing: see `read_baskets`.
        first_line: The number of the first line, for messages.
    """
    numbers = parse_integers(raw) if separator is None else None
    if numbers is not None:
        return numbers
    notes: list[str] = []
    text = decode(raw, path, notes)
    name = separator or find_separator(text)
    lines, fields = _split(text, sign_of(name), path, first_line)
    lengths = np.fromiter(map(len, fields), np.int64, len(fields))
    raw_codes, raw_labels = encode([field for line in fields for field in line])
    codes, labels = _strip(raw_codes, raw_labels)
    baskets = Baskets(codes, lengths, labels, None, notes)
    return _clean(baskets, np.array(lines, np.int64), path, missing)


def sign_of(separator: str) -> str | None:
    """The sign between items; None for blanks."""
    if separator not in SEPARATORS:
        raise OptionError(f"separator={separator!r} is not known.  Known: {', '.join(SEPARATORS)}.")
    return SEPARATORS[separator]


def find_separator(text: str) -> str:
    """The separator that most of the first lines use; blanks only when there is no other."""
    lines = re.sub(r'"[^"]*"', "", text[:20_000]).splitlines()
    signs = {name: sign for name, sign in SEPARATORS.items() if sign is not None}
    used = {name: sum(sign in line for line in lines) for name, sign in signs.items()}
    best = max(used, key=lambda name: used[name])
    return best if used[best] else "space"


def _split(
    text: str, sign: str | None, path: str | Path, first_line: int
) -> tuple[list[int], list[list[str]]]:
    """Line numbers and fields of all lines that are not blank."""
    if '"' not in text:
        lines = text.splitlines()
        numbers = [i for i, line in enumerate(lines, first_line) if line.strip()]
        return numbers, [lines[i - first_line].split(sign) for i in numbers]
    rows = csv.reader(
        io.StringIO(text, newline=""), delimiter=sign or " ", skipinitialspace=True, strict=True
    )
    numbers, fields = [], []
    start = first_line
    try:
        for row in rows:
            row = [field for field in row if field] if sign is None else row
            if any(field.strip() for field in row):
                numbers.append(start)
                fields.append(row)
            start = first_line + rows.line_num
    except csv.Error as error:
        raise DataError(
            f"{path}, line {start}: a quote is not closed as it should be ({error}).\n"
            'Write an item that holds the separator as "salt, fine", and a quote in it twice.'
        ) from None
    return numbers, fields


def _strip(codes: np.ndarray, labels: Any) -> tuple[np.ndarray, list[str]]:
    """The same items without blanks around them; names that become equal become one."""
    stripped = [label.strip() for label in labels]
    unique = list(dict.fromkeys(stripped))
    if len(unique) == len(labels):
        return codes, stripped
    code_of = {label: code for code, label in enumerate(unique)}
    return np.array([code_of[label] for label in stripped])[codes], unique


def _clean(baskets: Baskets, lines: np.ndarray, path: str | Path, missing: str) -> Baskets:
    """Drops the padding at line ends, and empty items elsewhere or complains about them."""
    labels = list(baskets.labels)
    codes, lengths, notes = baskets.codes, baskets.lengths, baskets.notes
    if "" in labels:
        empty = codes == labels.index("")
        ends = np.cumsum(lengths)
        # An empty item is padding when nothing but empty ones follows in its line.
        filled_after = np.zeros(len(codes) + 1, np.int64)
        np.cumsum(~empty, out=filled_after[1:])
        owner = np.repeat(np.arange(len(lengths)), lengths)
        padding = empty & (filled_after[ends][owner] == filled_after[:-1])
        inner = empty & ~padding
        if inner.any() and missing == "error":
            where = np.unique(lines[owner[inner]])
            shown = ", ".join(map(str, where[:5])) + (", ..." if len(where) > 5 else "")
            raise DataError(
                f"{path}: {int(inner.sum()):,} items are empty (lines {shown}).\n"
                "Fill them in, or leave them out with missing='drop' (--missing drop)."
            )
        if inner.any():
            notes.append(f"{int(inner.sum()):,} empty items dropped.")
        lengths = lengths - np.bincount(owner[empty], minlength=len(lengths))
        codes = codes[~empty]
    before = len(codes)
    codes, lengths = without_repeats(codes, lengths)
    if len(codes) < before:
        notes.append(f"{before - len(codes):,} repetitions of an item in its basket dropped.")
    return Baskets(codes, lengths, labels, None, notes)


def read_columns(
    text: str,
    path: str | Path,
    separator: str | None,
    names: Sequence[str] | None = None,
    first_line: int = 1,
) -> dict[str, list[str]]:
    """A table's columns by name.

    Args:
        text: Whole lines.
        path: For messages.
        separator: see `read_baskets`.
        names: of the columns; None: the first line has them.
        first_line: The number of the first line, for messages.
    """
    from hornbook.mining import tables

    sign = sign_of(separator or find_separator(text.partition("\n")[0]))
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=sign or " ", strict=True)
    try:
        header = [name.strip() for name in next(rows)] if names is None else list(names)
        table = [row for row in rows if row]
    except csv.Error as error:
        line = first_line - 1 + rows.line_num
        raise DataError(f"{path}, line {line}: broken table ({error}).") from None
    tables.refuse_twins(header, str(path))
    start = first_line + (names is None)
    uneven = [i for i, row in enumerate(table, start) if len(row) != len(header)]
    if uneven:
        raise DataError(
            f"{path}: {len(uneven):,} rows do not have the {len(header)} columns of the first line "
            f"(first at row {uneven[0]})."
        )
    return {name: [row[place] for row in table] for place, name in enumerate(header)}
