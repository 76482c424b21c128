"""Reads lines of text with their numbers, one at a time, or decodes a whole block of text.

The encoding is detected at the first line that is not ASCII, from that line and the next ones (see
`encodings`), and applies to the rest.  A line that is not in this encoding is damaged.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO

from hornbook.errors import DataError
from hornbook.tabular.encodings import (
    SAMPLE_BYTES,
    TITLES,
    check_encoding,
    contradicts,
    guess,
    sample_of,
    unsure,
)
from hornbook.tabular.opening import STANDARD_INPUT, name_of, open_bytes, read_blocks, unreadable

MAX_LINE_BYTES = 16 * 2**20
Report = Callable[[str, str], None]  # where (`file:line`), and what is wrong
Say = Callable[[str], None]


def numbered_lines(
    source: str | Path,
    report: Report,
    say: Say,
    *,
    encoding: str | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
    max_array_bytes: int = 0,
    fallback: str | None = None,
) -> Iterator[tuple[int, str]]:
    """Yields `(line number from 1, text with its line end)`, holding one line at a time.

    Only `\\n` ends a line.  Lines that are not text are reported and skipped.

    Args:
        source: A path, compressed or not, or `"-"` for standard input.
        report: Called with the lines that are not text.
        say: Called with a sentence about a detected encoding.
        encoding: Python's name of it.  Detected by default.
        max_line_bytes: A longer line is refused before it is read.
        max_array_bytes: Maximum length of a first line that starts with `[`: a JSON array.
        fallback: The encoding if none is certain.  Defaults to an error.

    Raises:
        DataError: the file cannot be opened or read, a line is too long, or the encoding is
            uncertain.
    """
    name = name_of(source)
    encoding = check_encoding(encoding)
    ahead = str(source) != STANDARD_INPUT
    try:
        with open_bytes(source, encoding) as file:
            lines = _raw_lines(file, name, max_line_bytes, max_array_bytes)
            encoding = None if encoding is None else _narrow(encoding)
            yield from _decoded(lines, name, report, say, encoding, ahead, fallback)
    except OSError as error:
        raise unreadable(source, error) from None


def decode_block(raw: bytes, name: str, encoding: str, first_line: int = 1) -> str:
    """Decodes whole lines in a known encoding.

    Raises:
        DataError: a line is not in this encoding; naming it.
    """
    if b"\0" in raw:
        line = first_line + raw.count(b"\n", 0, raw.index(b"\0"))
        raise DataError(f"{name}:{line}: has NUL bytes, so this is not text.")
    if raw.isascii():
        return raw.decode("ascii")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = first_line + raw.count(b"\n", 0, error.start)
        raise DataError(f"{name}:{line}: {_wrong_byte(raw, error, encoding)}.") from None
    if encoding in ("cp1252", "gb18030"):
        for number, raw_line in enumerate(raw.split(b"\n"), first_line):
            if contradicts(raw_line, encoding):
                raise DataError(f"{name}:{number}: {_contradiction(encoding)}.")
    return text


def find_encoding(
    raw: bytes,
    name: str,
    say: Say,
    encoding: str | None = None,
    fallback: str | None = None,
    first_line: int = 1,
) -> str:
    """Detects the encoding of text: all of it, or from the first line that is not ASCII.

    Args:
        raw: Text, as `opening` returns it.
        name: Name of the file.
        say: Called with a sentence about the detected encoding.
        encoding: The encoding that the user named.  Detected by default.
        fallback: The encoding if none is certain.  Defaults to an error.
        first_line: Number of the first line of `raw`, for the error.

    Raises:
        DataError: it is uncertain; naming the first line that is not UTF-8.
    """
    encoding = check_encoding(encoding)
    if encoding is not None:
        return _narrow(encoding)
    detected = guess(sample_of(raw))
    if detected.encoding is None:
        if fallback is None:
            raise DataError(unsure(name, raw, first_line))
        return fallback
    if detected.note:
        say(f"{name}: {detected.note}")
    return detected.encoding


def find_file_encoding(source: str | Path, say: Say, encoding: str | None = None) -> str:
    """Detects the encoding of a file without reading all of it; see `find_encoding`."""
    sample, first_line = b"", 1
    if encoding is None:
        for block, line in read_blocks(source, SAMPLE_BYTES):
            if sample:
                sample += block
            elif sample := sample_of(block):
                first_line = line + block.count(b"\n", 0, block.index(sample))
            if len(sample) >= SAMPLE_BYTES:
                break
    return find_encoding(sample, name_of(source), say, encoding, first_line=first_line)


def line_ends(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Ends lines at a lone `\\r` too, as old Macs write them and CSV readers accept them."""
    added = 0
    for number, line in lines:
        if "\r" not in line or line.index("\r") >= len(line.rstrip("\r\n")):
            yield number + added, line
            continue
        pieces = line.replace("\r\n", "\n").replace("\r", "\r\0").split("\0")
        for piece in filter(None, pieces):
            yield number + added, piece
            added += 1
        added -= 1


def _narrow(encoding: str) -> str:
    """Returns the encoding of opened text: UTF-16 and UTF-32 were converted to UTF-8."""
    return "utf-8" if encoding.startswith(("utf-16", "utf-32")) else encoding


def _raw_lines(
    file: IO[bytes], name: str, max_line_bytes: int, max_array_bytes: int
) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(max_line_bytes + 1):
        number += 1
        limit = max_line_bytes
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
            if len(line) > max_line_bytes and line.lstrip()[:1] == b"[":
                limit = max(max_line_bytes, max_array_bytes)
                line += file.readline(limit - max_line_bytes)
        if len(line) > limit:
            raise DataError(
                f"{name}:{number}: the line is longer than {limit / 2**20:.3g} MiB.\n"
                "Expected one row per line.  Is this another kind of file?"
            )
        yield number, line


def _decoded(
    lines: Iterator[tuple[int, bytes]],
    name: str,
    report: Report,
    say: Say,
    encoding: str | None,
    ahead: bool,
    fallback: str | None,
) -> Iterator[tuple[int, str]]:
    for number, line in lines:
        if b"\0" in line:
            report(f"{name}:{number}", "has NUL bytes, so this is not UTF-8 text")
            continue
        if encoding is None and not line.isascii():
            encoding, lines = _settle(number, line, lines, name, say, ahead, fallback)
            lines = chain([(number, line)], lines)
            yield from _decoded(lines, name, report, say, encoding, ahead, fallback)
            return
        if encoding is not None and contradicts(line, encoding):
            report(f"{name}:{number}", _contradiction(encoding))
            continue
        try:
            text = line.decode(encoding or "utf-8")
        except UnicodeDecodeError as error:
            report(f"{name}:{number}", _wrong_byte(line, error, encoding or "utf-8"))
            continue
        yield number, text


def _settle(
    number: int,
    line: bytes,
    lines: Iterator[tuple[int, bytes]],
    name: str,
    say: Say,
    ahead: bool,
    fallback: str | None,
) -> tuple[str, Iterator[tuple[int, bytes]]]:
    """Detects the encoding from a line and the next ones; returns it and the next lines."""
    pending: list[tuple[int, bytes]] = []
    if ahead or guess(line).encoding != "utf-8":  # input from a terminal does not wait for more
        size = len(line)
        for numbered in lines:
            pending.append(numbered)
            size += len(numbered[1])
            if size >= SAMPLE_BYTES:
                break
    following = (b"\n" if b"\0" in raw else raw for _, raw in pending)
    sample = b"".join([line, *following])
    detected = find_encoding(sample, name, say, fallback=fallback, first_line=number)
    return detected, chain(pending, lines)


def _wrong_byte(raw: bytes, error: UnicodeDecodeError, encoding: str) -> str:
    place = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
    return f"byte {place} of the line is not {TITLES.get(encoding, encoding)}"


def _contradiction(encoding: str) -> str:
    return f"the line is UTF-8, but others of the file are {TITLES[encoding]}"
