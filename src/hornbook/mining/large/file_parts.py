"""Reads a file in parts that fit into memory, each of them as baskets."""

from __future__ import annotations

import codecs
import csv
import functools
import io
import math
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hornbook.errors import DataError, OptionError, did_you_mean
from hornbook.mining.baskets import Baskets
from hornbook.mining.reading.basket_files import head_of, parse_lines, table_columns
from hornbook.mining.reading.basket_layout import HEAD_BYTES, Layout, find_layout
from hornbook.mining.reading.survey import Survey, without_blanks
from hornbook.mining.reading.tables import from_columns, note_gaps
from hornbook.tabular.encodings import check_encoding
from hornbook.tabular.lines import decode_block, find_file_encoding
from hornbook.tabular.opening import open_bytes, read_blocks
from hornbook.tabular.rows import MAX_CELL, OpenQuote, Tally

# memory per byte of text while it is read and mined, measured on FIMI files
BYTES_PER_BYTE = 40


def fits(path: str | Path, memory: int) -> bool:
    """Whether a file is mined as a whole: it fits into `memory` bytes, or cannot be split."""
    if str(path) == "-" or str(path).lower().endswith((".parquet", ".pq")):
        return True
    try:
        return _text_bytes(path) * BYTES_PER_BYTE <= memory
    except OSError:
        return True  # reading it reports the problem


def _text_bytes(path: str | Path) -> int:
    """Returns the approximate size of the text of a file in bytes."""
    with open(path, "rb") as file:
        is_compressed = file.read(4)[:2] in (b"\x1f\x8b", b"\x28\xb5")
    return os.path.getsize(path) * (5 if is_compressed else 1)


class MixedParts(Exception):
    """A part has items that are not integers, after parts that had only integers."""


@contextmanager
def parts_of(
    path: str | Path,
    memory: int,
    *,
    notes: list[str] | None = None,
    basket: str | None = None,
    item: str | None = None,
    table: bool = False,
    separator: str | None = None,
    bins: int | None = None,
    missing: str = "error",
    encoding: str | None = None,
    header: str = "auto",
    first_field: str = "auto",
) -> Iterator[Callable[[], Iterator[Baskets]]]:
    """Yields a function that iterates over the parts of a file whenever it is called.

    Iterating raises `MixedParts` if it has to start again from the beginning.

    Args:
        path: The file.
        memory: Maximum bytes for one part and everything computed from it.
        notes: Receives notes about the file.
        basket, item, table, separator, bins, missing, encoding, header, first_field: See
            `read_baskets`.
    """
    size = max(1 << 16, memory // BYTES_PER_BYTE)
    notes = [] if notes is None else notes
    encoding = check_encoding(encoding)
    detected = find_file_encoding(path, notes.append, encoding)
    columns = functools.partial(_columns, path, size, separator, encoding, detected, notes)
    if basket or item:
        if not (basket and item):
            raise OptionError(
                "Name both columns: the one with the basket and the one with the item."
            )
        with tempfile.TemporaryDirectory() as folder:
            number = math.ceil(_text_bytes(path) / size)
            dropped = _sort_into_files(columns(), number, basket, item, missing, Path(folder))
            yield functools.partial(_grouped_parts, Path(folder), basket, item, dropped)
    elif table:
        survey = Survey(bins)
        for part in columns():
            survey.look(part)
        survey.refuse(missing)
        notes += survey.notes
        yield lambda: map(survey.baskets, columns())
    else:
        with open_bytes(path, encoding) as file:
            head = head_of(file.read(HEAD_BYTES + 1).removeprefix(codecs.BOM_UTF8))
        layout = find_layout(
            decode_block(head, str(path), detected),
            str(path),
            separator=separator,
            header=header,
            first_field=first_field,
        )
        notes += layout.notes
        yield LineParts(path, size, layout, encoding, detected, missing, notes)


@dataclass
class LineParts:
    """The parts of a file with a basket per line.

    Args:
        path, size: The file, and the bytes per part.
        layout: Its layout.
        declared, encoding: The encoding named by the user, and the one detected.
        missing: See `read_baskets`.
        notes: Receives the number of rows with line breaks.
    """

    path: str | Path
    size: int
    layout: Layout
    declared: str | None
    encoding: str
    missing: str
    notes: list[str]
    are_numbers: bool = True  # until a part is not; then items are text in all parts

    def __call__(self) -> Iterator[Baskets]:
        """Yields the parts."""
        tally, is_later, rest, start = Tally(), False, b"", 1
        for raw, line in read_blocks(self.path, self.size, self.declared):
            line = start if rest else line
            raw = rest + raw
            try:
                part = self._parse(raw, line, tally, is_later)
            except OpenQuote as error:  # the cell may continue in the next part
                cut = _line_start(raw, error.line - line)
                if len(raw) - cut > MAX_CELL:
                    raise
                rest, start = raw[cut:], error.line
                if not raw[:cut].strip():
                    continue
                part = self._parse(raw[:cut], line, tally, is_later)
            else:
                rest = b""
            is_later = True
            yield part
        if rest:
            yield self._parse(rest, start, tally, is_later)
        if tally.note and tally.note not in self.notes:
            self.notes.append(tally.note)

    def _parse(self, raw: bytes, line: int, tally: Tally, is_later: bool) -> Baskets:
        layout = self.layout
        if not self.are_numbers:
            layout = replace(layout, may_be_numbers=False)
        part_tally = Tally()
        part = parse_lines(
            raw,
            str(self.path),
            layout,
            encoding=self.encoding,
            missing=self.missing,
            first_line=line,
            tally=part_tally,
        )
        if layout.may_be_numbers and not isinstance(part.labels, np.ndarray) and len(part):
            self.are_numbers = False
            if is_later:
                raise MixedParts
        tally.add(part_tally)
        return part


def _line_start(raw: bytes, number: int) -> int:
    """Returns where the line with this index begins."""
    start = 0
    for _ in range(number):
        start = raw.index(b"\n", start) + 1
    return start


def _columns(
    path: str | Path,
    size: int,
    separator: str | None,
    declared: str | None,
    encoding: str,
    notes: list[str],
) -> Iterator[dict[str, list[str]]]:
    """Yields the columns of a table, some rows at a time."""

    def lines() -> Iterator[tuple[int, str]]:
        for raw, line in read_blocks(path, size, declared):
            text = decode_block(raw, str(path), encoding, line)
            yield from enumerate(io.StringIO(text, newline="\n"), line)

    for columns in table_columns(lines(), str(path), separator, notes, size):
        if any(columns.values()):
            yield columns


def _sort_into_files(
    parts: Iterator[dict[str, list[str]]],
    number: int,
    basket: str,
    item: str,
    missing: str,
    folder: Path,
) -> list[str]:
    """Writes the rows of a table to files so that all rows of a basket are in one file."""
    gaps: list[int] = []
    row = 0
    with ExitStack() as stack:
        paths = [folder / f"{i:06}.csv" for i in range(number)]
        files = [stack.enter_context(open(p, "w", encoding="utf-8", newline="")) for p in paths]
        writers = [csv.writer(file) for file in files]
        for columns in parts:
            for name in (basket, item):
                if name not in columns:
                    raise DataError(f"There is no column {name!r}.  {did_you_mean(name, columns)}")
            ids, items = without_blanks(columns[basket]), without_blanks(columns[item])
            for pair in zip(ids, items, strict=True):
                row += 1
                if None in pair:
                    gaps.append(row)
                else:
                    writers[zlib.crc32(pair[0].encode()) % number].writerow(pair)
    return note_gaps(gaps, basket, item, missing)


def _grouped_parts(folder: Path, basket: str, item: str, notes: list[str]) -> Iterator[Baskets]:
    """Yields the baskets of each file that `_sort_into_files` wrote."""
    for path in sorted(folder.iterdir()):
        with open(path, encoding="utf-8", newline="") as file:
            pairs = list(csv.reader(file))
        if pairs:
            ids, items = map(list, zip(*pairs, strict=True))
            part = from_columns({basket: ids, item: items}, basket=basket, item=item)
            part.notes += notes
            notes = []
            yield part
