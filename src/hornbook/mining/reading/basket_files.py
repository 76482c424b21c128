"""Reads basket files: a basket per line, or a table, in the formats found in practice."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.errors import DataError
from hornbook.mining.baskets import Baskets, encode, without_repeats
from hornbook.mining.reading.basket_layout import HEAD_BYTES, Layout, find_layout, without_first
from hornbook.mining.reading.integers import parse_integers
from hornbook.tabular.encodings import check_encoding
from hornbook.tabular.lines import decode_block, find_encoding, line_ends
from hornbook.tabular.opening import name_of, read_bytes
from hornbook.tabular.parquet import read_parquet
from hornbook.tabular.rows import Tally
from hornbook.tabular.table import cell_rows, open_table

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
    encoding: str | None = None,
    header: str = "auto",
    first_field: str = "auto",
) -> Baskets:
    """Reads a file of baskets.

    Without `basket`, `item` and `table` every line is a basket.  Reads text, compressed or not, and
    Parquet; `-` is standard input.

    Args:
        path: The file.
        basket: For a table with a row per item, the column of the basket ...
        item: ... and the column of the item.
        table: Whether the file is a table with a row per basket: yes or no for each item, or
            categories, which become items `column=value`.
        separator: `"tab"`, `"pipe"`, `"semicolon"`, `"comma"`, `"space"` or any one character.
            Defaults to detecting it.
        bins: Number of ranges with equally many values that numeric columns of a table are cut
            into.  Defaults to no ranges.
        missing: What to do with empty items: `"error"` or `"drop"`.
        encoding: A Python encoding name.  Defaults to detecting it.
        header: Whether the first line is a header and not a basket: `"yes"`, `"no"` or `"auto"`.
            Tables always have one.
        first_field: What each line begins with: an `"item"`; a `"count"` of the items that
            follow, or an `"id"` of the basket, which are left out; or `"auto"`.

    Raises:
        DataError: the file is missing, empty or damaged, there is no such column, an item is
            empty, a quote is never closed, or the encoding is unclear.
    """
    from hornbook.mining.reading import tables

    if str(path).lower().endswith((".parquet", ".pq")):
        return tables.from_frame(
            read_parquet(path), basket=basket, item=item, bins=bins, missing=missing
        )
    encoding = check_encoding(encoding)
    raw = read_bytes(path, encoding)
    if not raw.strip():
        raise DataError(f"{name_of(path)} is empty: there are no baskets to mine.")
    notes: list[str] = []
    name = name_of(path)
    detected = "utf-8" if raw.isascii() else find_encoding(raw, name, notes.append, encoding)
    if basket or item or table:
        text = decode_block(raw, name, detected)
        lines = enumerate(io.StringIO(text, newline="\n"), 1)
        columns = next(table_columns(lines, name, separator, notes))
        if not any(columns.values()):
            raise DataError(f"{name} has a header line, but no rows.")
        return tables.from_columns(
            columns, basket=basket, item=item, bins=bins, missing=missing, notes=notes
        )
    layout = find_layout(
        decode_block(head_of(raw), name, detected),
        name,
        separator=separator,
        header=header,
        first_field=first_field,
    )
    tally = Tally()
    baskets = parse_lines(raw, name, layout, encoding=detected, missing=missing, tally=tally)
    notes += layout.notes + ([tally.note] if tally.note else [])
    baskets.notes[:0] = notes
    return baskets


def head_of(raw: bytes) -> bytes:
    """Returns the first whole lines, about 20 kB; of a longer line, the ASCII of its beginning."""
    head = raw[:HEAD_BYTES]
    if len(head) == len(raw):
        return head
    cut = max(head.rfind(b"\n"), head.rfind(b"\r", 0, -1)) + 1
    return head[:cut] if cut else bytes(byte for byte in head if byte < 0x80)


def parse_lines(
    raw: bytes,
    name: str,
    layout: Layout | None = None,
    *,
    encoding: str = "utf-8",
    missing: str = "error",
    first_line: int = 1,
    tally: Tally | None = None,
) -> Baskets:
    """Parses text with a basket per line; blank lines are not baskets.

    Args:
        raw: Whole lines.
        name: Name of the file, for messages.
        layout: Its layout.  Defaults to items separated by spaces.
        encoding: Encoding of the text.
        missing: See `read_baskets`.
        first_line: Number of the first line.
        tally: Counts rows with line breaks in them.

    Raises:
        OpenQuote: the text ends inside a quote.
        DataError: an item is empty, or the text is not in this encoding.
    """
    layout = layout or Layout()
    if layout.may_be_numbers:
        numbers = parse_integers(_without_lines(raw, layout.skip - first_line + 1), layout)
        if numbers is not None:
            return numbers
    text = decode_block(raw, name, encoding, first_line)
    lines, fields = _split(text, name, layout, first_line, tally or Tally())
    fields = without_first(fields, lines, layout, name)
    lengths = np.fromiter(map(len, fields), np.int64, len(fields))
    raw_codes, raw_labels = encode([field for line in fields for field in line])
    codes, labels = _strip(raw_codes, raw_labels)
    baskets = Baskets(codes, lengths, labels, None, [])
    return _clean(baskets, np.array(lines, np.int64), name, missing)


def _without_lines(raw: bytes, number: int) -> bytes:
    """Returns the text without its first `number` lines."""
    start = 0
    for _ in range(number):
        start = raw.find(b"\n", start) + 1
        if not start:
            return b""
    return raw[start:] if start else raw


def _split(
    text: str, name: str, layout: Layout, first_line: int, tally: Tally
) -> tuple[list[int], list[list[str]]]:
    """Returns the line numbers and fields of all lines that are not blank."""
    if '"' not in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
        lines = text.split("\n")
        first = max(first_line, layout.skip + 1)
        numbers = [i for i, line in enumerate(lines[first - first_line :], first) if line.strip()]
        tally.add(Tally(len(numbers), len(numbers)))
        return numbers, [lines[i - first_line].split(layout.sign) for i in numbers]
    numbered = line_ends(enumerate(io.StringIO(text, newline="\n"), first_line))
    rows = cell_rows((one for one in numbered if one[0] > layout.skip), layout.sign, name, _refuse)
    numbers, fields = [], []
    for row in tally.count(rows):
        if any(cell.strip() for cell in row.cells):
            numbers.append(row.line)
            fields.append(row.cells)
    return numbers, fields


def _refuse(where: str, what: str) -> None:
    raise DataError(f"{where}: {what}.")


def _strip(codes: np.ndarray, labels: Any) -> tuple[np.ndarray, list[str]]:
    """Strips white space around names; names that become equal are one item."""
    stripped = [label.strip() for label in labels]
    unique = list(dict.fromkeys(stripped))
    if len(unique) == len(labels):
        return codes, stripped
    code_of = {label: code for code, label in enumerate(unique)}
    return np.array([code_of[label] for label in stripped])[codes], unique


def _clean(baskets: Baskets, lines: np.ndarray, path: str | Path, missing: str) -> Baskets:
    """Drops padding at line ends and repeated items; drops or refuses empty items elsewhere."""
    labels = list(baskets.labels)
    codes, lengths, notes = baskets.codes, baskets.lengths, baskets.notes
    if "" in labels:
        empty = codes == labels.index("")
        ends = np.cumsum(lengths)
        # an empty item is padding if only empty ones follow in its line
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
                "Fill them in, or drop them with missing='drop' (--missing drop)."
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


def table_columns(
    lines: Iterable[tuple[int, str]],
    name: str,
    separator: str | None,
    notes: list[str],
    size: int | None = None,
) -> Iterator[dict[str, list[str]]]:
    """Yields the columns of a table by name: all rows at once, or some at a time.

    Args:
        lines: Numbered lines with their line ends; the first one that is not blank is the header.
        name: Name of the file.
        separator: See `read_baskets`.
        notes: Receives notes for the user, at the end.
        size: Approximate number of characters per part.  Defaults to all rows at once.

    Raises:
        DataError: rows do not fit the header; names the first, and counts the others.
    """
    problems: list[str] = []

    def report(where: str, what: str) -> None:
        problems.append(f"{where}: {what}." if not problems else "")

    table = open_table(lines, name, report, separator=separator, blanks=True)
    rows: list[list[str]] = []
    characters, parts = 0, 0
    for row in table.rows:
        rows.append(row.cells)
        if size is not None:
            characters += sum(map(len, row.cells)) + len(row.cells)
            if characters >= size:
                yield _columns(table.columns, rows)
                rows, characters, parts = [], 0, parts + 1
    if problems:
        more = f"\n{len(problems) - 1:,} more rows do not fit." if len(problems) > 1 else ""
        raise DataError(problems[0] + more)
    if rows or not parts:
        yield _columns(table.columns, rows)
    if table.tally.note and table.tally.note not in notes:
        notes.append(table.tally.note)


def _columns(names: list[str], rows: list[list[str]]) -> dict[str, list[str]]:
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}
