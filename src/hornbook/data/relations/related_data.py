"""Texts with relations, for training, validation and test.

A folder with `train` and optionally `valid` and `test` files, or one file, with rows in any of the
formats of `relation_rows`.  Without validation data a tenth of the training texts is held out, with
equal texts on one side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hornbook.data.readers.in_memory_rows import MemoryRows
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.row_files import fingerprint_of, split_by_content
from hornbook.data.readers.text_rows import labeled_rows
from hornbook.data.relations.related_text import RelatedText
from hornbook.data.relations.relation_rows import read_rows
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
    rows = labeled_rows(source, problems, ("text", "relations"))
    yield from read_rows(rows, str(source), problems)


def _split(
    texts: list[RelatedText], seed: int, fraction: float
) -> tuple[list[RelatedText], list[RelatedText]]:
    return split_by_content(
        texts, lambda text: text.text.strip(), lambda _: "", seed=seed, fraction=fraction
    )


def fingerprint(texts: Iterable[RelatedText]) -> str:
    """Returns a SHA-256 of everything a model sees, to recognize the same data."""
    return fingerprint_of((text.text, text.relations) for text in texts)
