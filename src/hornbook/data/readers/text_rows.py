"""Rows with a text: labeled ones, and texts to predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from hornbook.data.readers.in_memory_rows import MemoryRows, plain_row
from hornbook.data.readers.json_lines import MAX_ARRAY_BYTES, parse_json_lines
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.row_files import TABLE_SUFFIXES, place_of, rows_of, suffix_of
from hornbook.data.readers.text_lines import name_of, text_lines

TEXT_KEYS = ("text", "sentence", "content")


class PlainText(NamedTuple):
    """A text to predict.

    Attributes:
        text: The text.
        where: `file:line`.
        extra: The row's other keys, such as `id`.
    """

    text: str
    where: str
    extra: Mapping[str, Any]


def checked_text(text: Any, where: str, problems: Problems, name: str = "text") -> str | None:
    """Returns a text, or adds a problem and returns None where it is not one, or blank."""
    if isinstance(text, str) and text.strip():
        return text
    how = "missing" if text is None else "not a text with letters in it"
    problems.add(where, f"{name!r} is {how}")
    return None


def is_text_row(row: Mapping[str, Any]) -> bool:
    """Whether an object has the text of a row."""
    return any(isinstance(row.get(key), str) for key in TEXT_KEYS)


def text_of(row: Mapping[str, Any], where: str, problems: Problems) -> str | None:
    """Returns the text of a row, or adds a problem and returns None."""
    key = next((key for key in TEXT_KEYS if row.get(key) is not None), "text")
    return checked_text(row.get(key), where, problems, key)


def labeled_rows(
    source: Path | MemoryRows, problems: Problems, values: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields place, `file:line`, and row of a JSON file or of rows in memory.

    Args:
        source: The file or the rows.
        problems: Collects what is no row.
        values: Names of the values of a tuple in memory.
    """
    if isinstance(source, MemoryRows):
        for number, row in rows_of(source, problems, (), values=values):
            yield place_of(source, number), row
        return
    lines = text_lines(source, problems, max_array_bytes=MAX_ARRAY_BYTES)
    for number, row in parse_json_lines(lines, name_of(source), problems, is_text_row):
        yield place_of(source, number), row


def texts_to_predict(source: str | Path) -> Iterator[PlainText]:
    """Yields the texts of rows with a `text`, or each line of a text file.

    Raises:
        DataError: at the first row without a text, with its line.
    """
    problems = Problems(stop_at_first=True)
    name = name_of(source)
    if suffix_of(Path(source)) in TABLE_SUFFIXES:
        for number, row in rows_of(source, problems, ()):
            yield text_to_predict(row, f"{name}:{number}")
        return
    lines: Iterator[tuple[int, str]] = text_lines(source, problems, max_array_bytes=MAX_ARRAY_BYTES)
    first = next(((number, line) for number, line in lines if line.strip()), None)
    if first is None:
        return
    lines = chain([first], lines)
    if first[1].lstrip().startswith(("{", "[")):
        for number, row in parse_json_lines(lines, name, problems, is_text_row):
            yield text_to_predict(row, f"{name}:{number}")
        return
    for number, line in lines:
        if text := line.strip("\r\n"):
            yield PlainText(text, f"{name}:{number}", {})


def text_to_predict(row: Mapping[Any, Any], where: str) -> PlainText:
    """Reads the text of a row; what else is in it is not read.

    Raises:
        DataError: it has no text.
    """
    row = plain_row(row)
    text = text_of(row, where, Problems(stop_at_first=True))
    assert text is not None  # the first problem raises
    return PlainText(text, where, {key: value for key, value in row.items() if key != "text"})
