"""Reads tables with a header line: CSV, TSV, and Excel's CSV with semicolons and `sep=`.

The rules are those of `hornbook.tabular`: in a TSV each line is a row and a quote is an ordinary
character; in a CSV a quoted cell may hold line breaks, and the number of such rows is printed.
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
    """Yields `(line number from 1, {column: cell})` for each row that is not blank.

    The delimiter is the most frequent one in the header line: comma, tab, semicolon or bar.  A
    quoted cell of a CSV may span lines; the line number of a row is that of its first line.

    Args:
        source: A path, `.gz` too, or `"-"` for standard input.
        columns: Required columns.
        stop_at_first: Whether to raise at the first problem, or all problems at the end.
        encoding: A Python encoding name.  Defaults to detecting it.

    Raises:
        DataError: a column is missing or duplicated, or rows do not fit the header.
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
    separator: str | None = None,
) -> Iterator[tuple[int, dict[str, str]]]:
    """Parses numbered lines, the first being the header; adds invalid rows to `problems`."""
    table = open_table(lines, name, problems.add, columns=columns, separator=separator)
    try:
        for row in table.rows:
            if any(cell.strip() for cell in row.cells):
                yield row.line, dict(zip(table.columns, row.cells, strict=True))
    except OpenQuote as error:
        problems.add(f"{name}:{error.line}", UNCLOSED)
    if table.tally.note:
        note_once(f"{name}: {table.tally.note}")
