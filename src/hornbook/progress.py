"""Progress on standard error: a live line on a terminal, plain lines in a log.

The live line shows count, total, rate, time left, and fields of the caller such as the loss.  If
standard error is not a terminal, one plain line is written at most every ten seconds and one at the
end, without control characters.  `NO_COLOR` disables colors; `HORNBOOK_QUIET=1` or `quiet=True`
silences everything but tables, which are results and go to standard output.
"""

from __future__ import annotations

import functools
import numbers
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import IO, Any

PLAIN_SECONDS = 10.0  # minimum time between two plain lines
_without_notes = ContextVar("without_notes", default=False)
RATE_SECONDS = 30.0  # window of rate and time left, so that compilation is forgotten


class Progress:
    """A progress bar, used as a context manager.

    Args:
        description: Label of the bar, such as `"epoch 1/5"`.
        total: Number of units.  Defaults to an unknown total.
        unit: Name of the units: `"steps"`, `"pairs"`, `"tokens"`.
        done: Units done before a run was resumed, which are not part of the rate.
        quiet: Whether to show nothing.  Defaults to `HORNBOOK_QUIET`.

    Example:
        with Progress("epoch 1/5", total=320, unit="steps") as bar:
            for batch in batches:
                bar.advance(1, loss=train(batch))
    """

    def __init__(
        self,
        description: str,
        *,
        total: int | None = None,
        unit: str = "steps",
        done: int = 0,
        quiet: bool | None = None,
    ):
        self.description = _printable(description)
        self.total = total
        self.unit = _printable(unit)
        self.quiet = is_quiet() if quiet is None else quiet
        self.done = self._before = done
        self.fields: dict[str, Any] = {}
        self.state = "running"  # or "finished" or "stopped"
        self._live: Any = None
        self._begin()

    def _begin(self) -> None:
        self._start = self._last_line = monotonic()
        self._end: float | None = None
        self._history = deque([(self._start, self.done)])

    def advance(self, count: int = 1, **fields: Any) -> None:
        """Adds `count` units and updates `fields`, numbers or strings, shown after the rate."""
        now = monotonic()
        self.done += count
        self.fields.update(fields)
        self._history.append((now, self.done))
        while len(self._history) > 2 and now - self._history[1][0] > RATE_SECONDS:
            self._history.popleft()
        if self._live is None and not self.quiet and now - self._last_line >= PLAIN_SECONDS:
            self._last_line = now
            _write(self._line())

    def __enter__(self) -> Progress:
        self._begin()
        if not self.quiet and _is_live(sys.stderr):
            from rich.live import Live

            self._live = Live(
                get_renderable=self._renderable, console=_console(), refresh_per_second=8
            )
            self._live.start()
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self._end = monotonic()
        self.state = "finished" if kind is None else "stopped"
        if self._live is not None:
            self._live.stop()
            self._live = None
        elif not self.quiet:
            _write(self._line())

    def _line(self) -> str:
        """Returns the plain line: `epoch 1/5  120/320 · 12.3 steps/s · 0:16 left · loss 0.214`."""
        return f"{self.description}  {' · '.join(self._facts())}"

    def _facts(self) -> list[str]:
        count = f"{self.done:,}" if self.total is None else f"{self.done:,}/{self.total:,}"
        if self.total is None or self.state == "stopped":
            count += f" {self.unit}"
        elapsed = (monotonic() if self._end is None else self._end) - self._start
        if self.state == "running":
            rate = self._recent_rate()
            facts = [count, _rate(rate, self.unit)]
            if rate and self.total is not None:
                facts.append(f"{_clock(max(self.total - self.done, 0) / rate)} left")
            else:
                facts.append(_clock(elapsed))
        else:
            words = "stopped after " if self.state == "stopped" else ""
            mean = (self.done - self._before) / elapsed if elapsed > 0 else 0.0
            facts = [count, words + _duration(elapsed), _rate(mean, self.unit)]
        facts += [
            f"{_printable(name)} {format_value(value)}" for name, value in self.fields.items()
        ]
        return [fact for fact in facts if fact]

    def _recent_rate(self) -> float:
        (start, first), (now, last) = self._history[0], self._history[-1]
        return (last - first) / (now - start) if now > start else 0.0

    def _renderable(self) -> Any:
        """Returns the live line: description, bar and facts, at most as wide as the terminal."""
        from rich.cells import cell_len
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        facts, width = " · ".join(self._facts()), _console().width
        name_width = min(cell_len(self.description), max(10, width // 3))
        facts_width = min(cell_len(facts), width - name_width - 1)
        bar_width = min(30, width - name_width - facts_width - 2)
        line = Table.grid(padding=(0, 1))
        line.add_column(width=name_width)
        cells: list[Any] = [Text(self.description, no_wrap=True, overflow="ellipsis")]
        if self.total is not None and bar_width >= 8:
            style = "red" if self.state == "stopped" else "cyan"
            bar = ProgressBar(
                max(self.total, 1), self.done, complete_style=style, finished_style="green"
            )
            line.add_column(width=bar_width)
            cells.append(bar)
        line.add_column(width=facts_width)
        cells.append(Text(facts, no_wrap=True, overflow="ellipsis"))
        line.add_row(*cells)
        return line


def progress(
    iterable: Iterable[Any],
    description: str,
    *,
    total: int | None = None,
    unit: str = "items",
    quiet: bool | None = None,
) -> Iterator[Any]:
    """Yields the items of `iterable` with a progress bar; `total` defaults to its length."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with Progress(description, total=total, unit=unit, quiet=quiet) as bar:
        for item in iterable:
            yield item
            bar.advance()


def note(message: str, *, quiet: bool | None = None) -> None:
    """Writes a message to standard error, above a live line if there is one."""
    if not (is_quiet() or _without_notes.get() if quiet is None else quiet):
        _write("\n".join(_printable(line) for line in message.splitlines()))


@contextmanager
def without_notes() -> Iterator[None]:
    """Silences `note` while work is repeated whose notes were already written."""
    token = _without_notes.set(True)
    try:
        yield
    finally:
        _without_notes.reset(token)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints a table to standard output, with right-aligned numbers.

    On a terminal it has lines; in a pipe it is aligned text, with two spaces between columns.

    Args:
        title: Title above the table; may be empty.
        columns: Names of the columns.
        rows: Rows with one value per column; None leaves a cell empty.

    Raises:
        ValueError: a row differs in length from `columns`.
    """
    table = [list(row) for row in rows]
    for row in table:
        if len(row) != len(columns):
            raise ValueError(f"{len(columns)} columns, but a row has {len(row)} values: {row}")
    right = [
        any(_is_number(row[i]) for row in table)
        and all(row[i] is None or _is_number(row[i]) for row in table)
        for i in range(len(columns))
    ]
    header = [_printable(name) for name in columns]
    cells = [["" if value is None else format_value(value) for value in row] for row in table]
    if _is_live(sys.stdout):
        _print_rich_table(_printable(title), header, cells, right)
    else:
        _print_plain_table(_printable(title), header, cells, right)


def format_value(value: Any) -> str:
    """Formats a number with a few digits, anything else as printable text."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return str(int(value))
    if value is None or isinstance(value, bool | str):
        return _printable(str(value))
    try:
        number = float(value)  # also a NumPy or backend scalar
    except (TypeError, ValueError):
        return _printable(str(value))
    if number and not 1e-3 <= abs(number) < 1e6:
        return f"{number:.2e}"
    return f"{number:.3f}"


def is_quiet() -> bool:
    """Whether `HORNBOOK_QUIET` is set."""
    return os.environ.get("HORNBOOK_QUIET", "") not in ("", "0")


def _print_rich_table(
    title: str, header: list[str], cells: list[list[str]], right: list[bool]
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, box=SIMPLE_HEAD, title_justify="left")
    for name, is_number in zip(header, right, strict=True):
        table.add_column(Text(name), justify="right" if is_number else "left")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _print_plain_table(
    title: str, header: list[str], cells: list[list[str]], right: list[bool]
) -> None:
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(header, *cells, strict=True)]
    lines = [header, ["-" * width for width in widths], *cells]
    if title:
        print(title)
    for line in lines:
        padded = []
        for cell, width, is_number in zip(line, widths, right, strict=True):
            space = " " * (width - cell_len(cell))
            padded.append(space + cell if is_number else cell + space)
        print("  ".join(padded).rstrip())


def _write(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _is_live(stream: IO[str]) -> bool:
    """Whether the stream is a terminal with cursor movement."""
    stream = getattr(stream, "rich_proxied_file", stream)
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


@functools.cache
def _console() -> Any:
    """Returns the one console of all bars, so that nested bars get lines of their own."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _printable(text: str) -> str:
    """Returns `text` without control characters, which could manipulate the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _rate(rate: float, unit: str) -> str:
    if rate <= 0:
        return ""
    if rate < 0.1:
        return f"{rate * 60:.2f} {unit}/min"
    return f"{rate:,.{0 if rate >= 100 else 1 if rate >= 10 else 2}f} {unit}/s"


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else _clock(seconds)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
