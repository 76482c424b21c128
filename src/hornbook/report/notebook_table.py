"""An HTML table of at most ten rows, for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from itertools import islice

MAXIMUM_ROWS = 10


def html_table(
    header: Sequence[object], rows: Iterable[Sequence[object]], total: int | None = None
) -> str:
    """Returns a table without styles; every cell is escaped.

    Args:
        header: Names of the columns; none if empty.
        rows: Rows, of which the first `MAXIMUM_ROWS` are shown.
        total: Number of rows, to say how many more there are.
    """
    shown = list(islice(rows, MAXIMUM_ROWS))
    lines = [_line("td", row) for row in shown]
    if header:
        lines.insert(0, _line("th", header))
    more = 0 if total is None else total - len(shown)
    return f"<table>{''.join(lines)}</table>" + (f"<p>and {more:,} more</p>" if more > 0 else "")


def _line(tag: str, cells: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(str(cell))}</{tag}>' for cell in cells)}</tr>"
