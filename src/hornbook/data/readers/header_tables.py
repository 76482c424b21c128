"""Reads tables with a header line: CSV, TSV, and Excel's CSV with semicolons and `sep=`.

The rules are those of `hornbook.tabular`, as everywhere: in a TSV each line is a row and a quote is
a character; in a CSV a cell in quotes may hold line breaks, and how many rows do is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hornbook.data.readers.problems import Problems
from hornbook.data.readers.text_lines import name_of, note_once, text_lines
from hornbook.tabular.rows import UNCLOSED, OpenQuote
from hornbook.tabular.table import open_table


def read_table(
    source: str | Path,
    *,
    columns: Sequence[str] = (),
    stop_at_first: bool = False,
    encoding: str | None = None,
) -> Iterator[tuple[int, dict[str, str]]]:
    """Gives `(line number from 1, {column: cell})` for each row that is not blank.

    The delimiter is the one that the header line has most of: comma, tab, semicolon or bar.  A
    cell of a CSV may span lines when it is quoted; the row's number is that of its first line.

    Args:
        source: A path, `.gz` too, or `"-"` for standard input.
        columns: Those that must be there.
        stop_at_first: Raise at the first problem; else all of the file's are said at once.
        encoding: Python's name of it; None finds it out.

    Raises:
        DataError: a column is missing or there twice, or rows do not fit the header.
    """
    problems = Problems(stop_at_first=stop_at_first)
    lines = text_lines(source, problems, encoding=encoding)
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
    table = open_table(lines, name, problems.add, columns=columns)
    try:
        for row in table.rows:
            if any(cell.strip() for cell in row.cells):
                yield row.line, dict(zip(table.columns, row.cells, strict=True))
    except OpenQuote as error:
        problems.add(f"{name}:{error.line}", UNCLOSED)
    if table.tally.note:
        note_once(f"{name}: {table.tally.note}")
