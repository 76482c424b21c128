"""Cells of lines, by the rules of TSV: each line is a row, and a quote is a character.

Excel and pandas write some cells of a TSV in quotes all the same, with the quotes inside doubled.
Such a cell is known by being so from end to end, and by having a reason: a tab, comma or quote in
it, or a header or file that is in quotes everywhere.  Only a line that does *not* have the cells
of the header can be more than that: a tab, or the beginning of a line break, in quotes.
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
    """The rows of numbered lines that are not blank.

    Args:
        lines: With their line ends.
        width: The cells of a row, where a header tells; None where rows differ.
        wrapped: Whether quotes around a cell are no part of it in any case.
    """
    source = iter(lines)
    waiting: deque[tuple[int, str]] = deque()  # read, and not used yet
    while (numbered := waiting.popleft() if waiting else next(source, None)) is not None:
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
            closed = _cells(bare)
            if width is None or len(closed) == width:
                cells = closed
            elif len(cells) < width and _opens(cells[-1]):
                taken = [(number, line)]
                joined = _joined(taken, waiting, source, width)
                if joined is not None:
                    cells, last = joined, taken[-1][0]
                else:
                    waiting.extendleft(reversed(taken[1:]))
        yield Row(number, [_unwrapped(cell, wrapped) for cell in cells], last)


def is_wrapped(cells: Iterable[str]) -> bool:
    """Whether all cells are in quotes, as some programs write every line."""
    return all(_WRAPPED.fullmatch(cell.strip()) for cell in cells)


def _cells(line: str) -> list[str]:
    """The cells of a line in which a tab may stand in quotes."""
    cells, at = [], 0
    while True:
        match = _CELL.match(line, at)
        assert match is not None  # it matches nothing as well
        cells.append(match.group())
        if match.end() >= len(line):
            return cells
        at = match.end() + 1


def _opens(cell: str) -> bool:
    return cell.startswith('"') and not _WRAPPED.fullmatch(cell)


def _joined(
    taken: list[tuple[int, str]],
    waiting: deque[tuple[int, str]],
    source: Iterator[tuple[int, str]],
    width: int,
) -> list[str] | None:
    """The cells of a line that opens a quote and of those up to the one that closes it.

    Lines between them that are rows by themselves, or a cell count that does not fit in the end,
    show that the quote was a character: None.

    Args:
        taken: The line; gets the others.
        waiting, source: Where these come from.
        width: The cells of a row.
    """
    text = taken[0][1]
    while len(taken) < MAX_JOINED and len(text) < MAX_CHARACTERS:
        numbered = waiting.popleft() if waiting else next(source, None)
        if numbered is None:
            return None
        taken.append(numbered)
        text += numbered[1]
        cells = _cells(text.rstrip("\r\n"))
        if len(cells) == width and not any(map(_opens, cells)):
            return cells
        if numbered[1].count("\t") == width - 1 or len(cells) > width:
            return None
    return None


def _unwrapped(cell: str, wrapped: bool) -> str:
    """A cell without the quotes around it, where they are no part of it."""
    bare = cell.strip(" ")
    if len(bare) < 2 or bare[0] != '"' or not _WRAPPED.fullmatch(bare):
        return cell
    inner = bare[1:-1]
    if wrapped or '""' in inner or "\t" in inner or "," in inner or "\n" in inner:
        return inner.replace('""', '"')
    return cell
