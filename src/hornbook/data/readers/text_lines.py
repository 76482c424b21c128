"""Reads the lines of a text file one by one, in any common encoding.

UTF-8 with or without a byte order mark, UTF-16, UTF-32, Unix or Windows line ends, `.gz`, `.zst`,
and `-` for standard input.  A file that is not UTF-8 is read as GB18030 (Excel in China, old
crawls) or Windows-1252 (Excel in the West) if it looks like that, with a note; see
`hornbook.tabular.encodings`.  After a line of multi-byte UTF-8, invalid bytes count as damage.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

from hornbook.data.readers.problems import Problems
from hornbook.progress import note
from hornbook.tabular.lines import MAX_LINE_BYTES, numbered_lines
from hornbook.tabular.opening import STANDARD_INPUT, name_of

__all__ = ["MAX_LINE_BYTES", "STANDARD_INPUT", "name_of", "note_once", "text_lines"]


def text_lines(
    source: str | Path,
    problems: Problems,
    *,
    encoding: str | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
    max_array_bytes: int = 0,
    fallback: str | None = None,
) -> Iterator[tuple[int, str]]:
    """Yields `(line number from 1, text with its line end)`, one line at a time.

    Lines that are not text are added to `problems` and skipped.

    Args:
        source, encoding, max_line_bytes, max_array_bytes, fallback: See `numbered_lines`.
        problems: Collects the lines that are not text.

    Raises:
        DataError: the file cannot be read: missing, damaged `.gz`, a line longer than
            `max_line_bytes`, or an ambiguous encoding.
    """
    return numbered_lines(
        source,
        problems.add,
        note_once,
        encoding=encoding,
        max_line_bytes=max_line_bytes,
        max_array_bytes=max_array_bytes,
        fallback=fallback,
    )


@functools.lru_cache(maxsize=1024)
def note_once(message: str) -> None:
    """Prints a note about a file once per process, however often it is read."""
    note(message)
