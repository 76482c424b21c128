"""Tables of text: a header line, and rows that have as many cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from hornbook.errors import DataError, did_you_mean
from hornbook.tabular.lines import Report, line_ends
from hornbook.tabular.other_formats import refuse_page
from hornbook.tabular.rows import Row, Tally, csv_rows
from hornbook.tabular.separators import find_table_separator, sep_line, sign_of
from hornbook.tabular.tsv import is_wrapped, tsv_rows


@dataclass
class Table:
    """A table whose header was read.

    Attributes:
        columns: Their names, without blanks around them.
        rows: All others, one by one; what does not fit was reported.
        sign: Between cells; None: blanks.
        line: The number of the header line.
        tally: What was counted so far.
    """

    columns: list[str]
    rows: Iterator[Row]
    sign: str | None
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
        lines: With their line ends.
        name: Of the file.
        report: Gets the rows that do not fit.
        columns: Those that must be there.
        separator: A name or a sign; None: that of a `sep=` line, or the one of tab, comma,
            semicolon and bar that the header has most of.
        blanks: Whether blanks separate where no sign does; else there is one column.

    Raises:
        DataError: there is no header, or a column is missing or there twice.
        OptionError: there is no such separator.
    """
    given = None if separator is None else (sign_of(separator),)
    lines = line_ends(lines)
    number, line = _first(lines, name)
    if (said := sep_line(line)) is not None:
        given = given or (said,)
        number, line = _first(lines, name)
    refuse_page(line, name)
    if given:
        sign = given[0]
    else:
        sign = find_table_separator(line, columns)
        sign = "," if sign is None and not blanks else sign
    rows = cell_rows(chain([(number, line)], lines), sign, name, report)
    header = next(rows, None)
    if header is None:
        raise DataError(f"{name}:{number}: the header cannot be read.")
    width, wrapped = len(header.cells), sign == "\t" and is_wrapped(header.cells)
    names = [_name(cell, wrapped) for cell in header.cells]
    _check_names(names, f"{name}:{number}", columns)
    table = Table(names, iter(()), sign, number)
    if sign == "\t":
        rows = tsv_rows(lines, width, wrapped=wrapped)
    table.rows = table.tally.count(of_width(rows, width, name, report))
    return table


def cell_rows(
    lines: Iterable[tuple[int, str]], sign: str | None, name: str, report: Report
) -> Iterator[Row]:
    """The rows of lines by the rules that go with a separator: those of TSV, or of CSV."""
    return tsv_rows(lines) if sign == "\t" else csv_rows(lines, sign, name, report)


def of_width(rows: Iterable[Row], width: int, name: str, report: Report) -> Iterator[Row]:
    """The rows with as many cells as the header; others are reported."""
    for row in rows:
        if len(row.cells) == width:
            yield row
            continue
        cells = "1 cell" if len(row.cells) == 1 else f"{len(row.cells)} cells"
        shown = " | ".join(row.cells)
        shown = repr(shown[:40]) + (" ..." if len(shown) > 40 else "")
        more = ""
        if row.last > row.line:
            more = f", and goes on to line {row.last} in quotes"
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
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        shown = ", ".join(map(repr, twice[:5]))
        raise DataError(f"{where}: the column {shown} is there twice.")
    missing = [column for column in columns if column not in names]
    if missing:
        lines = [f"  {column!r}.  {did_you_mean(column, names)}" for column in missing]
        raise DataError("\n".join([f"{where}: the header lacks", *lines]))
