"""Files as bytes and text: packed or not, whole or in parts, in the usual encodings."""

from __future__ import annotations

import contextlib
import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hornbook.errors import DataError


def read_bytes(path: str | Path) -> bytes:
    """The whole file, unpacked if it is gzipped."""
    with open_bytes(path) as file:
        return file.read()


@contextlib.contextmanager
def open_bytes(path: str | Path) -> Iterator[Any]:
    """The file opened for reading, unpacking what is gzipped."""
    with contextlib.ExitStack() as stack:
        if str(path) == "-":
            file: Any = sys.stdin.buffer
        else:
            try:
                file = stack.enter_context(open(path, "rb"))
            except (FileNotFoundError, NotADirectoryError):
                raise DataError(f"There is no file {path}.") from None
            except IsADirectoryError:
                raise DataError(f"{path} is a folder; name one file in it.") from None
            except PermissionError:
                raise DataError(f"{path} may not be read.") from None
        packed = file.peek(2)[:2] == b"\x1f\x8b"
        try:
            yield stack.enter_context(gzip.GzipFile(fileobj=file)) if packed else file
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise DataError(f"{path} is damaged: it cannot be unpacked to its end.") from None


def read_parts(path: str | Path, size: int) -> Iterator[tuple[bytes, int]]:
    """The file in parts of whole lines of about `size` bytes, with their first line numbers."""
    line = 1
    rest = b""
    with open_bytes(path) as file:
        while True:
            part = file.read(size)
            if not part:
                break
            cut = part.rfind(b"\n") + 1
            if not cut:
                rest += part
                continue
            whole, rest = rest + part[:cut], part[cut:]
            yield whole, line
            line += whole.count(b"\n")
    if rest.strip():
        yield rest, line


def decode(raw: bytes, path: str | Path, notes: list[str]) -> str:
    """Text in UTF-8, UTF-16 (with its mark) or GB 18030."""
    encodings = ["utf-8-sig", "gb18030"]
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ["utf-16"]
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding not in ("utf-8-sig",):
            notes.append(f"Read as {encoding.upper()}.")
        return text
    known = " or ".join(encoding.upper() for encoding in encodings)
    raise DataError(f"{path} is not text in {known}: is it another kind of file?")
