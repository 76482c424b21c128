"""A file in parts that fit the memory, each of them as baskets."""

from __future__ import annotations

import csv
import functools
import math
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hornbook.errors import DataError, OptionError, did_you_mean
from hornbook.mining.baskets import Baskets
from hornbook.mining.reading import find_separator, parse_lines, read_columns
from hornbook.mining.survey import Survey, without_blanks
from hornbook.mining.tables import from_columns, note_gaps
from hornbook.mining.unpacking import decode, open_bytes, read_parts

# Memory that a byte of text takes while it is read and mined, as measured on FIMI files.
BYTES_PER_BYTE = 40


def fits(path: str | Path, memory: int) -> bool:
    """Whether a file can be read and mined at once in `memory` bytes, or has to be."""
    if str(path) == "-" or str(path).lower().endswith((".parquet", ".pq")):
        return True
    try:
        with open(path, "rb") as file:
            utf16 = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
        return utf16 or _text_bytes(path) * BYTES_PER_BYTE <= memory
    except OSError:
        return True  # reading will say what is wrong


def _text_bytes(path: str | Path) -> int:
    """About how long the text of a file is."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return os.path.getsize(path) * (5 if packed else 1)


@contextmanager
def parts_of(
    path: str | Path,
    memory: int,
    *,
    basket: str | None = None,
    item: str | None = None,
    table: bool = False,
    separator: str | None = None,
    bins: int | None = None,
    missing: str = "error",
) -> Iterator[Callable[[], Iterator[Baskets]]]:
    """A function that goes through the parts of a file, as often as it is called.

    Args:
        path: The file.
        memory: Bytes that one part may take with all that is made of it.
        basket, item, table, separator, bins, missing: see `read_baskets`.
    """
    size = max(1 << 16, memory // BYTES_PER_BYTE)
    if basket or item:
        if not (basket and item):
            raise OptionError(
                "Name both columns: the one with the basket and the one with the item."
            )
        with tempfile.TemporaryDirectory() as folder:
            notes = _sort_into_files(path, size, separator, basket, item, missing, Path(folder))
            yield functools.partial(_grouped_parts, Path(folder), basket, item, notes)
    elif table:
        survey = Survey(bins)
        for columns in _columns(path, size, separator):
            survey.look(columns)
        survey.refuse(missing)
        yield lambda: map(survey.baskets, _columns(path, size, separator))
    else:
        yield functools.partial(_line_parts, path, size, separator, missing)


def _line_parts(
    path: str | Path, size: int, separator: str | None, missing: str
) -> Iterator[Baskets]:
    """A file with a basket a line."""
    if separator is None:
        with open_bytes(path) as file:
            head = file.read(20_000)
        if head.strip(b"0123456789 \t\r\n"):
            separator = find_separator(head.decode("utf-8", "replace"))
    for raw, line in read_parts(path, size):
        if raw.strip():
            yield parse_lines(raw, path, separator=separator, missing=missing, first_line=line)


def _columns(path: str | Path, size: int, separator: str | None) -> Iterator[dict[str, list[str]]]:
    """The columns of a table, some rows at a time."""
    names = None
    for raw, line in read_parts(path, size):
        text = decode(raw, path, [])
        separator = separator or find_separator(text.partition("\n")[0])
        columns = read_columns(text, path, separator, names, line)
        names = list(columns)
        if any(columns.values()):
            yield columns


def _sort_into_files(
    path: str | Path,
    size: int,
    separator: str | None,
    basket: str,
    item: str,
    missing: str,
    folder: Path,
) -> list[str]:
    """Brings the rows of one basket into one file, wherever in the table they are."""
    number = math.ceil(_text_bytes(path) / size)
    wrong: list[int] = []
    row = 0
    with ExitStack() as stack:
        paths = [folder / f"{i:06}.csv" for i in range(number)]
        files = [stack.enter_context(open(p, "w", encoding="utf-8", newline="")) for p in paths]
        writers = [csv.writer(file) for file in files]
        for columns in _columns(path, size, separator):
            for name in (basket, item):
                if name not in columns:
                    raise DataError(f"There is no column {name!r}.  {did_you_mean(name, columns)}")
            ids, items = without_blanks(columns[basket]), without_blanks(columns[item])
            for pair in zip(ids, items, strict=True):
                row += 1
                if None in pair:
                    wrong.append(row)
                else:
                    writers[zlib.crc32(pair[0].encode()) % number].writerow(pair)
    return note_gaps(wrong, basket, item, missing)


def _grouped_parts(folder: Path, basket: str, item: str, notes: list[str]) -> Iterator[Baskets]:
    """A table with a row per item, whose rows were sorted into files."""
    for path in sorted(folder.iterdir()):
        columns = read_columns(path.read_text("utf-8"), path, "comma", (basket, item))
        if columns[basket]:
            part = from_columns(columns, basket=basket, item=item)
            part.notes += notes
            notes = []
            yield part
