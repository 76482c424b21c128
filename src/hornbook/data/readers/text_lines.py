"""Reads the lines of a text file one by one, whatever a person may have saved it as.

UTF-8 with or without a byte order mark, UTF-16, UTF-32, Unix or Windows line ends, `.gz`, `.zst`,
and `-` for standard input.  A file that is not UTF-8 is read as GB18030 (Excel in China, old
crawls) or Windows-1252 (Excel in the West) where it looks like that, and said so; see
`hornbook.tabular.encodings`.  Once a line was UTF-8, another that is not is damage.
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
    """Gives `(line number from 1, text with its line end)`, holding one line at a time.

    Lines that are not text are noted in `problems` and passed over.

    Args:
        source, encoding, max_line_bytes, max_array_bytes, fallback: see `numbered_lines`.
        problems: Where to note.

    Raises:
        DataError: the file cannot be opened or read on: missing, damaged `.gz`, a line of more
            than `max_line_bytes`, or its encoding is not sure.
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
    """Says what was found out about a file, once in a process, however often it is read."""
    note(message)
