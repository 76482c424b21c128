"""Opens files as bytes: standard input, compressed files and UTF-16 or UTF-32 like any other.

UTF-16 and UTF-32 text is converted to UTF-8, so that lines always end with the byte 10.
"""

from __future__ import annotations

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from hornbook.errors import DataError, require
from hornbook.tabular.other_formats import refuse_other_formats

STANDARD_INPUT = "-"
_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_WIDE_MARKS = {  # longest first: UTF-32's little-endian mark starts with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
_BLOCK = 1 << 16


def name_of(source: str | Path) -> str:
    """Returns the name of a source for messages."""
    return "standard input" if str(source) == STANDARD_INPUT else str(source)


@contextmanager
def open_bytes(source: str | Path, encoding: str | None = None) -> Iterator[Any]:
    """Opens a file for reading.

    Args:
        source: A path, possibly compressed with gzip or Zstandard, or `"-"` for standard input.
        encoding: The encoding, if known.  UTF-16 and UTF-32 are otherwise recognized by their
            byte order mark, or by their zeros.

    Raises:
        DataError: it cannot be opened or decompressed, or is another kind of file.
    """
    name = name_of(source)
    with ExitStack() as stack:
        file = sys.stdin.buffer if str(source) == STANDARD_INPUT else _opened(source, name, stack)
        file = _decompressed(file, source, name)
        start = file.peek(4096)[:4096] if hasattr(file, "peek") else b""
        wide = _wide_encoding(start, encoding)
        if wide is None:
            refuse_other_formats(start, name)
        yield file if wide is None else io.BufferedReader(_AsUtf8(file, wide, name), _BLOCK)


def read_bytes(source: str | Path, encoding: str | None = None) -> bytes:
    """Returns the whole file without UTF-8's byte order mark; see `open_bytes`."""
    with open_bytes(source, encoding) as file:
        return _read(file, -1, source).removeprefix(codecs.BOM_UTF8)


def read_blocks(
    source: str | Path, size: int, encoding: str | None = None
) -> Iterator[tuple[bytes, int]]:
    """Yields blocks of whole lines of about `size` bytes, with the numbers of their first lines.

    UTF-8's byte order mark is removed; see `open_bytes`.
    """
    line, rest, is_first = 1, b"", True
    with open_bytes(source, encoding) as file:
        while block := _read(file, size, source):
            block = block.removeprefix(codecs.BOM_UTF8) if is_first else block
            is_first = False
            cut = block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, -1) + 1  # old Macs' lines
            if not cut:
                rest += block
                continue
            whole, rest = rest + block[:cut], block[cut:]
            yield whole, line
            line += whole.count(b"\n") or whole.count(b"\r")
    if rest.strip():
        yield rest, line


def _read(file: Any, size: int, source: str | Path) -> bytes:
    try:
        block: bytes = file.read(size)
    except OSError as error:
        raise unreadable(source, error) from None
    return block


def unreadable(source: str | Path, error: OSError) -> DataError:
    """Returns the error for a file that the system cannot open or read."""
    name = name_of(source)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return DataError(f"There is no file {name}.")
    if isinstance(error, IsADirectoryError):
        return DataError(f"{name} is a folder; name one file in it.")
    return DataError(f"Could not read {name}: {error.strerror or error}.")


def _opened(source: str | Path, name: str, stack: ExitStack) -> Any:
    try:
        return stack.enter_context(open(source, "rb"))
    except OSError as error:
        raise unreadable(source, error) from None
    except ValueError:  # a NUL character in the path
        raise DataError(f"Could not read {name!r}: this cannot be a file name.") from None


def _decompressed(file: Any, source: str | Path, name: str) -> Any:
    start = file.peek(4)[:4] if hasattr(file, "peek") else b""
    suffix = Path(source).suffix.lower()
    if start.startswith(_GZIP) or suffix == ".gz":
        return io.BufferedReader(_Decompressed(gzip.GzipFile(fileobj=file), name, ".gz"), _BLOCK)
    if start == _ZSTANDARD or suffix == ".zst":
        # the package zstandard reads a truncated file without an error
        arrow = require("pyarrow", extra="tables")
        stream = arrow.CompressedInputStream(arrow.PythonFile(file, mode="r"), "zstd")
        return io.BufferedReader(_Decompressed(stream, name, ".zst"), _BLOCK)
    return file


class _Decompressed(io.RawIOBase):
    """A decompressed stream whose errors name the file."""

    def __init__(self, stream: Any, name: str, suffix: str) -> None:
        self._stream = stream
        self._name = name
        self._suffix = suffix

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            block = self._stream.read(len(buffer))
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(
                f"{self._name} is a damaged {self._suffix} file: {error}.\nCopy it again."
            ) from None
        buffer[: len(block)] = block
        return len(block)


class _AsUtf8(io.RawIOBase):
    """UTF-16 or UTF-32 text, converted to UTF-8."""

    def __init__(self, file: Any, encoding: str, name: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._encoding = encoding
        self._name = name
        self._ready = b""
        self._done = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            block = self._file.read(_BLOCK)
            try:
                self._ready = self._decoder.decode(block, final=not block).encode()
            except UnicodeError:
                raise DataError(
                    f"{self._name} is damaged: it is not valid {self._encoding.upper()} text "
                    f"(after {self._done:,} bytes)."
                ) from None
            self._done += len(block)
            if not block:
                break
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def _wide_encoding(start: bytes, encoding: str | None) -> str | None:
    """Returns the variant of UTF-16 or UTF-32 that a file is in, or None."""
    if encoding is not None:
        name = codecs.lookup(encoding).name
        if name not in _WIDE:
            return None
        marked = [mark for mark in _WIDE_MARKS if start.startswith(mark)]
        return _WIDE_MARKS[marked[0]] if marked else name
    for mark, wide in _WIDE_MARKS.items():
        if start.startswith(mark):
            return wide
    return _unmarked(start[: len(start) // 2 * 2])


def _unmarked(start: bytes) -> str | None:
    """Detects UTF-16 without a byte order mark: every other byte of ASCII characters is 0."""
    zeros = (start[::2].count(0), start[1::2].count(0))
    if b"\0\0" in start or min(zeros) or max(zeros) < 0.15 * len(start) or not start:
        return None
    name = "utf-16-le" if zeros[1] else "utf-16-be"
    decoder = codecs.getincrementaldecoder(name)()
    try:
        text = decoder.decode(start)
    except UnicodeDecodeError:
        return None
    readable = sum(character.isprintable() or character in "\t\r\n" for character in text)
    return name if readable == len(text) > 1 else None
