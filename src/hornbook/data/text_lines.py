"""Reads the lines of a text file one by one, whatever a person may have saved it as.

UTF-8 with or without a byte order mark, Unix or Windows line ends, `.gz`, `.zst`, and `-` for
standard input.  A file whose first line beyond ASCII is not UTF-8 but is GB18030 (Excel in China,
old crawls) is read as that, and said so.  Once a line was UTF-8, another that is not is damage.
"""

from __future__ import annotations

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import IO, Any

from hornbook.data.problems import Problems
from hornbook.errors import DataError, require
from hornbook.progress import note

STANDARD_INPUT = "-"
MAX_LINE_BYTES = 16 * 2**20

_WIDE_MARKS = {  # longest first: UTF-32's little-endian mark begins with UTF-16's
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def name_of(source: str | Path) -> str:
    """What to call a source in a message."""
    return "standard input" if str(source) == STANDARD_INPUT else str(source)


def text_lines(
    source: str | Path, problems: Problems, *, max_line_bytes: int = MAX_LINE_BYTES
) -> Iterator[tuple[int, str]]:
    """Gives `(line number from 1, text with its line end)`, holding one line at a time.

    Lines that are not text are noted in `problems` and passed over.

    Raises:
        DataError: the file cannot be opened or read on: missing, damaged `.gz`, UTF-16, or a
            line of more than `max_line_bytes`.
    """
    name = name_of(source)
    try:
        with _open(source) as file:
            yield from _decoded(_raw_lines(file, name, max_line_bytes), name, problems)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name} is a damaged .gz file: {error}.\nCopy it again.") from None
    except OSError as error:
        raise DataError(f"Could not read {name}: {error.strerror or error}.") from None
    except ValueError as error:
        if "null" not in str(error):  # a path with a NUL character
            raise
        raise DataError(f"Could not read {name!r}: this cannot be a file name.") from None


def _open(source: str | Path) -> Any:
    if str(source) == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)
    suffix = Path(source).suffix.lower()
    if suffix == ".gz":
        return closing(gzip.open(source, "rb"))
    if suffix == ".zst":  # the package zstandard takes a file that was cut off for a whole one
        arrow = require("pyarrow", extra="tables")
        return io.BufferedReader(arrow.input_stream(str(source), compression="zstd"))
    return open(source, "rb")


def _raw_lines(file: IO[bytes], name: str, most: int) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(most + 1):
        number += 1
        if number == 1:
            _refuse_wide(line, name)
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) > most:
            raise DataError(
                f"{name}:{number}: the line is longer than {most / 2**20:.3g} MiB.\n"
                "Expected one row per line.  Is this another kind of file?"
            )
        yield number, line


def _refuse_wide(line: bytes, name: str) -> None:
    for mark, encoding in _WIDE_MARKS.items():
        if line.startswith(mark):
            raise DataError(
                f"{name} is {encoding} text; UTF-8 was expected.\n"
                f"Convert it:  iconv -f {encoding} -t UTF-8 {name} > converted"
            )


def _decoded(
    lines: Iterator[tuple[int, bytes]], name: str, problems: Problems
) -> Iterator[tuple[int, str]]:
    encoding = None  # not settled while everything is ASCII, which is the same in both
    for number, line in lines:
        if b"\0" in line:
            problems.add(f"{name}:{number}", "has NUL bytes, so this is not UTF-8 text")
            continue
        if encoding is None and not line.isascii():
            encoding = _encoding_of(line)
            if encoding == "gb18030":
                note(f"{name}: read as GB18030 (line {number} is not UTF-8).")
        try:
            text = line.decode(encoding or "utf-8")
        except UnicodeDecodeError as error:
            what = "GB18030" if encoding == "gb18030" else "UTF-8"
            problems.add(f"{name}:{number}", f"byte {error.start + 1} of the line is not {what}")
            continue
        yield number, text


def _encoding_of(line: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            line.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "utf-8"
