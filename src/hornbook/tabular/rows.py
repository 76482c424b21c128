"""Splits lines into cells, by the rules of CSV.

A cell that starts with a quote ends with the next one that is not doubled, and may contain the
separator and line breaks.  A quote elsewhere is an ordinary character: `3.5" floppy`.  Without
quotes, a line is split at its separators.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from hornbook.errors import DataError
from hornbook.tabular.lines import Report

MAX_CELL = 16 * 2**20
_BLANKS = re.compile(r"[ \t]*")


class Row(NamedTuple):
    """The cells of one row.

    Attributes:
        line: Number of its first line.
        cells: The cells, not stripped.
        last: Number of its last line.
    """

    line: int
    cells: list[str]
    last: int


class OpenQuote(DataError):
    """A quote that is never closed.

    Args:
        name: Name of the file.
        line: Number of the quote's line.
    """

    def __init__(self, name: str, line: int) -> None:
        super().__init__(f"{name}:{line}: {UNCLOSED}")
        self.line = line


UNCLOSED = (
    "a quote opens a cell here and is never closed.\n"
    'Close it, or write the cell as "..." with each quote in it doubled.'
)


@dataclass
class Tally:
    """Counts rows and their lines, to report a difference.

    Attributes:
        rows, lines: The numbers of both.
        broken: Number of rows with more than one line.
        first: Number of the first line of the first of these.
    """

    rows: int = 0
    lines: int = 0
    broken: int = 0
    first: int = 0

    def count(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yields the rows and counts them."""
        for row in rows:
            self.rows += 1
            self.lines += row.last - row.line + 1
            if row.last > row.line:
                self.broken += 1
                self.first = self.first or row.line
            yield row

    def add(self, other: Tally) -> None:
        """Adds the counts of another part of the file."""
        self.rows += other.rows
        self.lines += other.lines
        self.broken += other.broken
        self.first = self.first or other.first

    @property
    def note(self) -> str:
        """`N rows from M lines ...`; empty if each row was a line."""
        if not self.broken:
            return ""
        hold = "1 row holds" if self.broken == 1 else f"{self.broken:,} rows hold"
        return (
            f"{self.rows:,} rows from {self.lines:,} lines: {hold} line breaks in quotes "
            f"(the first in line {self.first})."
        )


def csv_rows(
    lines: Iterable[tuple[int, str]], separator: str | None, name: str, report: Report
) -> Iterator[Row]:
    """Yields the rows of numbered lines, without blank ones.

    Args:
        lines: Numbered lines with their line ends.
        separator: The character between cells; None for white space.
        name: Name of the file.
        report: Called with rows that cannot be split into cells.

    Raises:
        OpenQuote: the lines end inside quotes.
    """
    lines = iter(lines)
    for number, line in lines:
        if not line.strip():
            continue
        if '"' not in line:
            yield Row(number, line.rstrip("\r\n").split(separator), number)
            continue
        if separator is not None and (simple := _simple_cells(line, separator)) is not None:
            yield Row(number, simple, number)
            continue
        record = _Record(number, line, lines, separator, name)
        try:
            cells = record.cells()
        except _Misplaced as error:
            report(f"{name}:{number}", str(error))
        else:
            yield Row(number, cells, record.number)


def _simple_cells(line: str, separator: str) -> list[str] | None:
    """Splits a line with Python's fast reader, if its rules are the same."""
    if ' "' in line or '\t"' in line or separator in '" ':
        return None
    try:
        return next(csv.reader((line.rstrip("\r\n"),), delimiter=separator, strict=True))
    except csv.Error:  # a cell continues in the next line, or is very long, or invalid
        return None


class _Misplaced(Exception):
    """Text after a quote that closes a cell."""


class _Record:
    """One row with a quote in its first line; reads more lines if they belong to it."""

    def __init__(
        self,
        number: int,
        line: str,
        lines: Iterator[tuple[int, str]],
        separator: str | None,
        name: str,
    ) -> None:
        self.number = number
        self._text = line
        self._lines = lines
        self._separator = separator
        self._name = name
        self._end = re.compile(r"[ \t]|$" if separator is None else re.escape(separator) + "|$")

    def cells(self) -> list[str]:
        """Returns all cells of the row."""
        cells: list[str] = []
        at = 0
        while True:
            opening = _BLANKS.match(self._text, at).end()  # type: ignore[union-attr]
            if self._text[opening : opening + 1] == '"' and self._separator != '"':
                cell, at = self._quoted(opening + 1)
                cells.append(cell)
            else:
                bare = self._text.rstrip("\r\n")
                at = opening if self._separator is None else at
                end = self._end.search(bare, at).start()  # type: ignore[union-attr]
                if end > at or self._separator is not None:
                    cells.append(bare[at:end])
                at = end
            if at >= len(self._text.rstrip("\r\n")):
                return cells
            at += 1

    def _quoted(self, at: int) -> tuple[str, int]:
        """Returns the quoted cell whose text starts at `at`, and the position of its separator."""
        first, pieces, size = self.number, [], 0
        while True:
            end = self._text.find('"', at)
            if end < 0:
                pieces.append(self._text[at:])
                size += len(pieces[-1])
                following = next(self._lines, None)
                if following is None or size > MAX_CELL:
                    raise OpenQuote(self._name, first)
                self.number, self._text = following
                at = 0
            elif self._text[end + 1 : end + 2] == '"':
                pieces.append(self._text[at : end + 1])
                at = end + 2
            else:
                pieces.append(self._text[at:end])
                break
        at = end + 1
        bare = self._text.rstrip("\r\n")
        if self._separator is not None:
            at = re.compile("[ ]*").match(bare, at).end()  # type: ignore[union-attr]
        if at < len(bare) and not self._end.match(bare, at):
            opened = f" (opened in line {first})" if self.number > first else ""
            raise _Misplaced(
                f"line {self.number}: {bare[at : at + 20]!r} after a quote that closes a cell"
                f"{opened}; double a quote that belongs to the cell"
            )
        return "".join(pieces), at
