"""Reads tables with a header line: CSV, TSV, and Excel's CSV with semicolons."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hornbook.data.problems import Problems, beginning
from hornbook.data.text_lines import name_of, text_lines
from hornbook.errors import DataError, did_you_mean

DELIMITERS = (",", "\t", ";")


def read_table(
    source: str | Path, *, columns: Sequence[str] = (), stop_at_first: bool = False
) -> Iterator[tuple[int, dict[str, str]]]:
    """Gives `(line number from 1, {column: cell})` for each row that is not blank.

    The delimiter is the one of comma, tab and semicolon that the header line has most of.  A
    cell may span lines when it is quoted; the row's number is that of its first line.

    Args:
        source: A path, `.gz` too, or `"-"` for standard input.
        columns: Those that must be there.
        stop_at_first: Raise at the first problem; else all of the file's are said at once.

    Raises:
        DataError: a column is missing or there twice, or rows do not fit the header.
    """
    problems = Problems(stop_at_first=stop_at_first)
    lines = text_lines(source, problems)
    for row in parse_table(lines, name_of(source), problems, columns=columns):
        if not problems.count:
            yield row
    problems.raise_if_any("Each row must have as many cells as the header.")


def parse_table(
    lines: Iterable[tuple[int, str]],
    name: str,
    problems: Problems,
    *,
    columns: Sequence[str] = (),
) -> Iterator[tuple[int, dict[str, str]]]:
    """Parses numbered lines, the first being the header; bad rows are noted in `problems`."""
    numbered = _Numbered(lines)
    header_line = next((line for line in numbered if line.strip()), None)
    if header_line is None:
        raise DataError(f"{name} is empty: a header line with the column names was expected.")
    delimiter = max(DELIMITERS, key=header_line.count)
    header = _header(header_line, delimiter, f"{name}:{numbered.number}", columns)
    rows = csv.reader(numbered, delimiter=delimiter, strict=True)
    while True:
        numbered.start_row()
        try:
            cells = next(rows, None)
        except csv.Error as error:
            problems.add(f"{name}:{numbered.first}", f"{error}")
            continue
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            what = f"{len(cells)} cells, but the header has {len(header)}"
            shown = beginning(delimiter.join(cells))
            problems.add(f"{name}:{numbered.first}", f"{what}: {shown}")
            continue
        yield numbered.first, dict(zip(header, cells, strict=True))


def _header(line: str, delimiter: str, where: str, columns: Sequence[str]) -> list[str]:
    try:
        header = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error as error:
        raise DataError(f"{where}: the header cannot be read: {error}.") from None
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise DataError(f"{where}: the column {', '.join(map(repr, twice))} is there twice.")
    missing = [column for column in columns if column not in header]
    if missing:
        lines = [f"  {column!r}.  {did_you_mean(column, header)}" for column in missing]
        raise DataError("\n".join([f"{where}: the header lacks", *lines]))
    return header


class _Numbered:
    """Gives the lines to `csv.reader` and remembers where the row at hand began."""

    def __init__(self, lines: Iterable[tuple[int, str]]) -> None:
        self._lines = iter(lines)
        self.number = 0
        self.first = 0

    def start_row(self) -> None:
        self.first = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        self.first = self.first or self.number
        return line
