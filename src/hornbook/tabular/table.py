"""Tables of text: a header line, and rows with the same number of cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from hornbook.errors import DataError, did_you_mean
from hornbook.tabular.lines import Report, line_ends
from hornbook.tabular.other_formats import refuse_page
from hornbook.tabular.rows import Row, Tally, csv_rows
from hornbook.tabular.separators import find_table_separator, sep_line, separator_named
from hornbook.tabular.tsv import is_wrapped, tsv_rows


@dataclass
class Table:
    """A table whose header was read.

    Attributes:
        columns: Names of the columns, stripped.
        rows: The other rows, one by one; those of another width are reported.
        separator: The character between cells; None for white space.
        line: Number of the header line.
        tally: Counts so far.
    """

    columns: list[str]
    rows: Iterator[Row]
    separator: str | None
    line: int
    tally: Tally = field(default_factory=Tally)


def open_table(
    lines: Iterable[tuple[int, str]],
    name: str,
    report: Report,
    *,
    columns: Sequence[str] = (),
    separator: str | None = None,
    blanks: bool = False,
) -> Table:
    """Reads the header of numbered lines.

    Args:
        lines: Numbered lines with their line ends.
        name: Name of the file.
        report: Called with the rows of another width.
        columns: Required columns.
        separator: A name or a character.  Defaults to that of a `sep=` line, else to the most
            frequent of tab, comma, semicolon and bar in the header.
        blanks: Whether white space separates cells if nothing else does; otherwise there is one
            column.

    Raises:
        DataError: there is no header, or a column is missing or occurs twice.
        OptionError: the separator is unknown.
    """
    declared = None if separator is None else (separator_named(separator),)
    lines = line_ends(lines)
    number, line = _first(lines, name)
    if (excel_separator := sep_line(line)) is not None:
        declared = declared or (excel_separator,)
        number, line = _first(lines, name)
    refuse_page(line, name)
    if declared:
        character = declared[0]
    else:
        character = find_table_separator(line, columns)
        character = "," if character is None and not blanks else character
    rows = cell_rows(chain([(number, line)], lines), character, name, report)
    header = next(rows, None)
    if header is None:
        raise DataError(f"{name}:{number}: the header cannot be read.")
    width, wrapped = len(header.cells), character == "\t" and is_wrapped(header.cells)
    names = [_name(cell, wrapped) for cell in header.cells]
    _check_names(names, f"{name}:{number}", columns)
    table = Table(names, iter(()), character, number)
    if character == "\t":
        rows = tsv_rows(lines, width, wrapped=wrapped)
    table.rows = table.tally.count(of_width(rows, width, name, report))
    return table


def cell_rows(
    lines: Iterable[tuple[int, str]], separator: str | None, name: str, report: Report
) -> Iterator[Row]:
    """Yields the rows of lines, by the rules of TSV for tabs and of CSV otherwise."""
    return tsv_rows(lines) if separator == "\t" else csv_rows(lines, separator, name, report)


def of_width(rows: Iterable[Row], width: int, name: str, report: Report) -> Iterator[Row]:
    """Yields the rows with as many cells as the header, and reports the others."""
    for row in rows:
        if len(row.cells) == width:
            yield row
            continue
        cells = "1 cell" if len(row.cells) == 1 else f"{len(row.cells)} cells"
        shown = " | ".join(row.cells)
        shown = repr(shown[:40]) + (" ..." if len(shown) > 40 else "")
        more = ""
        if row.last > row.line:
            more = f", and continues to line {row.last} in quotes"
        report(f"{name}:{row.line}", f"{cells}, but the header has {width}: {shown}{more}")


def _first(lines: Iterator[tuple[int, str]], name: str) -> tuple[int, str]:
    for number, line in lines:
        if line.strip("\ufeff \t\r\n"):
            return number, line
    raise DataError(f"{name} is empty: a header line with the column names was expected.")


def _name(cell: str, wrapped: bool) -> str:
    cell = cell.strip()
    return cell[1:-1].replace('""', '"').strip() if wrapped and cell[:1] == '"' else cell


def _check_names(names: Sequence[str], where: str, columns: Sequence[str]) -> None:
    duplicates = sorted(name for name, count in Counter(names).items() if count > 1)
    if duplicates:
        shown = ", ".join(map(repr, duplicates[:5]))
        raise DataError(f"{where}: the column {shown} occurs twice.")
    missing = [column for column in columns if column not in names]
    if missing:
        lines = [f"  {column!r}.  {did_you_mean(column, names)}" for column in missing]
        raise DataError("\n".join([f"{where}: the header lacks", *lines]))
