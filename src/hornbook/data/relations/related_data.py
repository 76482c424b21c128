"""Texts with relations, for training, validation and test.

A folder with `train` and optionally `valid` and `test` files, or one file, with rows in any of the
formats of `relation_rows`.  Without validation data a tenth of the training texts is held out, with
equal texts on one side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from hornbook.data.readers.in_memory_rows import (
    MemoryRows,
    plain_row,
)
from hornbook.data.readers.json_lines import MAX_ARRAY_BYTES, parse_json_lines
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.row_files import (
    TABLE_SUFFIXES,
    fingerprint_of,
    place_of,
    rows_of,
    split_by_content,
    suffix_of,
)
from hornbook.data.readers.text_lines import name_of, text_lines
from hornbook.data.relations.related_text import RelatedText
from hornbook.data.relations.relation_rows import is_row, read_rows, text_of
from hornbook.data.texts.splits import TextData
from hornbook.data.texts.summary import Reading

ADVICE = (
    'Expected rows such as {"text": "...", "relations": [["subject", "predicate", "object"]]}, or '
    'with {"subject": {"start": 0, "end": 2}, "predicate": "...", "object": {"start": 5, "end": 7}}'
    " in the list."
)
READING: Reading[RelatedText] = Reading(
    unit="texts",
    where=lambda text: text.where,
    labels=lambda text: sorted({one.predicate for one in text.triples()}),
    content=lambda text: text.text.strip(),
    same=lambda text: text.text.strip(),
)


def related_texts(
    path: Any, *, seed: int = 0, valid_fraction: float = 0.1
) -> TextData[RelatedText]:
    """Finds the files of each split.

    Args:
        path: A folder or a file, see the module; or rows in memory, as in `relation_rows`.
        seed: Seed of the split, if there is no validation file.
        valid_fraction: Share that is held out then.

    Raises:
        DataError: no such folder.
    """
    return TextData.open(
        path,
        read=lambda file, _, problems, trimming: _read(file, problems),
        split_off=lambda texts: _split(texts, seed, valid_fraction),
        fingerprint=fingerprint,
        reading=READING,
        advice=ADVICE,
        expected="Expected train.jsonl in it, or a file.",
    )


def _read(source: Path | MemoryRows, problems: Problems) -> Iterator[RelatedText]:
    """Yields the texts of a file or of rows in memory."""
    rows: Iterable[tuple[str, Mapping[str, Any]]]
    if isinstance(source, MemoryRows):
        numbered = rows_of(source, problems, (), values=("text", "relations"))
        rows = ((place_of(source, number), row) for number, row in numbered)
    else:
        lines = text_lines(source, problems, max_array_bytes=MAX_ARRAY_BYTES)
        name = name_of(source)
        rows = (
            (f"{name}:{number}", row)
            for number, row in parse_json_lines(lines, name, problems, is_row)
        )
    yield from read_rows(rows, str(source), problems)


def read_texts_to_predict(source: str | Path) -> Iterator[RelatedText]:
    """Yields texts without relations: of rows with a `text`, or of each line of a text file.

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
        for number, row in parse_json_lines(lines, name, problems, is_row):
            yield text_to_predict(row, f"{name}:{number}")
        return
    for number, line in lines:
        if text := line.strip("\r\n"):
            yield RelatedText(text, None, f"{name}:{number}")


def text_to_predict(row: Mapping[Any, Any], where: str) -> RelatedText:
    """Reads the text of a row; its relations are ignored.

    Raises:
        DataError: it has no text.
    """
    row = plain_row(row)
    text = text_of(row, where, Problems(stop_at_first=True))
    assert text is not None  # the first problem raises
    extra = {key: value for key, value in row.items() if key != "text"}
    return RelatedText(text, None, where, extra=extra)


def _split(
    texts: list[RelatedText], seed: int, fraction: float
) -> tuple[list[RelatedText], list[RelatedText]]:
    return split_by_content(
        texts, lambda text: text.text.strip(), lambda _: "", seed=seed, fraction=fraction
    )


def fingerprint(texts: Iterable[RelatedText]) -> str:
    """Returns a SHA-256 of everything a model sees, to recognize the same data."""
    return fingerprint_of((text.text, text.relations) for text in texts)
