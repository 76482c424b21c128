"""Splits lines into cells, by the rules of TSV: each line is a row, and a quote is a character.

Excel and pandas nevertheless write some cells of a TSV in quotes, with the quotes inside doubled.
Such a cell is recognized if it is quoted from end to end for a reason: a tab, comma or quote in
it, or a header or file that is quoted everywhere.  Only if a line does *not* have as many cells as
the header can quotes contain a tab or a line break.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator

from hornbook.tabular.rows import Row

MAX_JOINED, MAX_CHARACTERS = 100, 1 << 20  # lines and characters of one row
_WRAPPED = re.compile(r'"(?:[^"]|"")*"')
_CELL = re.compile(r'"(?:[^"]|"")*"(?=\t|$)|[^\t]*', re.DOTALL)


def tsv_rows(
    lines: Iterable[tuple[int, str]], width: int | None = None, *, wrapped: bool = False
) -> Iterator[Row]:
    """Yields the rows of numbered lines, without blank ones.

    Args:
        lines: Numbered lines with their line ends.
        width: Cells per row, that of the header; None if rows may differ.
        wrapped: Whether all quotes around cells are removed.
    """
    source = iter(lines)
    pending: deque[tuple[int, str]] = deque()  # lines that were read ahead
    while (numbered := pending.popleft() if pending else next(source, None)) is not None:
        number, line = numbered
        if not line.strip():
            continue
        bare = line.rstrip("\r\n")
        cells = bare.split("\t")
        if '"' not in bare:
            yield Row(number, cells, number)
            continue
        last = number
        if len(cells) != width and any(cell.startswith('"') for cell in cells):
            quoted_cells = _cells(bare)
            if width is None or len(quoted_cells) == width:
                cells = quoted_cells
            elif len(cells) < width and _opens(cells[-1]):
                row_lines = [(number, line)]
                joined = _joined(row_lines, pending, source, width)
                if joined is not None:
                    cells, last = joined, row_lines[-1][0]
                else:
                    pending.extendleft(reversed(row_lines[1:]))
        yield Row(number, [_unwrapped(cell, wrapped) for cell in cells], last)


def is_wrapped(cells: Iterable[str]) -> bool:
    """Returns whether all cells are in quotes, as some programs write every line."""
    return all(_WRAPPED.fullmatch(cell.strip()) for cell in cells)


def _cells(line: str) -> list[str]:
    """Splits a line in which quotes may contain a tab."""
    cells, at = [], 0
    while True:
        match = _CELL.match(line, at)
        assert match is not None  # it also matches the empty string
        cells.append(match.group())
        if match.end() >= len(line):
            return cells
        at = match.end() + 1


def _opens(cell: str) -> bool:
    return cell.startswith('"') and not _WRAPPED.fullmatch(cell)


def _joined(
    row_lines: list[tuple[int, str]],
    pending: deque[tuple[int, str]],
    source: Iterator[tuple[int, str]],
    width: int,
) -> list[str] | None:
    """Returns the cells of a row from a line that opens a quote to the one that closes it.

    Lines between them that are rows by themselves, or a wrong number of cells at the end, show
    that the quote is an ordinary character: then the result is None.

    Args:
        row_lines: The first line; the next ones are appended.
        pending, source: The next lines.
        width: Cells per row.
    """
    text = row_lines[0][1]
    while len(row_lines) < MAX_JOINED and len(text) < MAX_CHARACTERS:
        numbered = pending.popleft() if pending else next(source, None)
        if numbered is None:
            return None
        row_lines.append(numbered)
        text += numbered[1]
        cells = _cells(text.rstrip("\r\n"))
        if len(cells) == width and not any(map(_opens, cells)):
            return cells
        if numbered[1].count("\t") == width - 1 or len(cells) > width:
            return None
    return None


def _unwrapped(cell: str, wrapped: bool) -> str:
    """Returns a cell without the quotes around it, unless they belong to it."""
    bare = cell.strip(" ")
    if len(bare) < 2 or bare[0] != '"' or not _WRAPPED.fullmatch(bare):
        return cell
    inner = bare[1:-1]
    if wrapped or '""' in inner or "\t" in inner or "," in inner or "\n" in inner:
        return inner.replace('""', '"')
    return cell
