"""Texts with events, for training, validation and test.

A folder with `train` and optionally `valid` and `test` files, or one file, with rows in any of the
formats of `event_rows`.  Without validation data a tenth of the training texts is held out, with
equal texts on one side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hornbook.data.events.event_rows import read_rows
from hornbook.data.events.event_text import EventText
from hornbook.data.readers.in_memory_rows import MemoryRows
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.row_files import fingerprint_of, split_by_content
from hornbook.data.readers.text_rows import labeled_rows
from hornbook.data.texts.splits import TextData
from hornbook.data.texts.summary import Reading

ADVICE = (
    'Expected rows such as {"text": "...", "events": [{"type": "...", "trigger": {"text": "...", '
    '"start": 4, "end": 6}, "arguments": [{"role": "...", "text": "...", "start": 0, "end": 3}]}]},'
    " or those of DuEE and FewFC."
)
READING: Reading[EventText] = Reading(
    unit="texts",
    where=lambda text: text.where,
    labels=lambda text: sorted({one.type for one in text.events or ()}),
    content=lambda text: text.text.strip(),
    same=lambda text: text.text.strip(),
)


def texts_with_events(
    path: Any, *, seed: int = 0, valid_fraction: float = 0.1
) -> TextData[EventText]:
    """Finds the files of each split.

    Args:
        path: A folder or a file, see the module; or rows in memory, as in `event_rows`.
        seed: Seed of the split, if there is no validation file.
        valid_fraction: Share that is held out then.

    Raises:
        DataError: no such folder.
    """
    return TextData.open(
        path,
        read=lambda file, _, problems, trimming: _read(file, problems),
        split_off=lambda texts: split_by_content(
            texts, lambda one: one.text.strip(), lambda _: "", seed=seed, fraction=valid_fraction
        ),
        fingerprint=fingerprint,
        reading=READING,
        advice=ADVICE,
        expected="Expected train.jsonl in it, or a file.",
    )


def _read(source: Path | MemoryRows, problems: Problems) -> Iterator[EventText]:
    """Yields the texts of a file or of rows in memory."""
    yield from read_rows(labeled_rows(source, problems, ("text", "events")), str(source), problems)


def fingerprint(texts: Iterable[EventText]) -> str:
    """Returns a SHA-256 of everything a model sees, to recognize the same data."""
    return fingerprint_of((text.text, text.events) for text in texts)
