"""Spans that files give by offsets: whether the last index is included, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeGuard, TypeVar

from hornbook.data.readers.problems import Problems
from hornbook.data.readers.text_lines import note_once

Labels = TypeVar("Labels")
Rows = Iterable[tuple[str, Mapping[str, Any]]]


class Offsets(NamedTuple):
    """A span as it is in the file; `text` is what the file says it is, if it does."""

    start: int
    end: int
    text: str | None = None


def is_index(value: Any) -> TypeGuard[int]:
    """Whether a value is an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


class EndVotes:
    """Counts the spans of a file whose texts stand at their offsets, ends excluded and included."""

    def __init__(self) -> None:
        self.excluded = self.included = 0

    def add(self, text: str, offsets: Offsets) -> None:
        """Counts a span of a text."""
        start, end, mention = offsets
        if mention is not None:
            self.excluded += text[start:end] == mention
            self.included += text[start : end + 1] == mention

    def is_included(self, name: str, what: str) -> bool:
        """Whether most say that ends are included, which is then printed.

        Args:
            name: Of the file.
            what: A span, for the message: "an entity".
        """
        included = self.included > self.excluded
        if included:
            note_once(f"{name}: the last index of {what} is included, as the texts beside it say")
        return included


class LabeledRow(NamedTuple, Generic[Labels]):
    """A row with its text and its labels as they are in the file; `where` is `file:line`."""

    where: str
    text: str
    labels: Labels
    row: Mapping[str, Any]


def labeled_texts(
    rows: Rows,
    *,
    text_of: Callable[[Mapping[str, Any], str, Problems], str | None],
    labels_of: Callable[[Mapping[str, Any], str, Problems], Labels | None],
    offsets_of: Callable[[Labels], Iterable[Offsets]],
    name: str,
    what: str,
    problems: Problems,
) -> tuple[list[LabeledRow[Labels]], bool]:
    """Reads the texts and labels of all rows of a file, and whether the ends of spans are included.

    Args:
        rows: Place of each row, `file:line`, and the row.
        text_of, labels_of: Read a row, or add a problem and return None.
        offsets_of: Returns the spans of labels that have an end.
        name: Of the file, for messages.
        what: A span, for messages: "an entity".
        problems: Gets what is wrong with the rows.
    """
    read: list[LabeledRow[Labels]] = []
    votes = EndVotes()
    for where, row in rows:
        text = text_of(row, where, problems)
        labels = None if text is None else labels_of(row, where, problems)
        if text is None or labels is None:
            continue
        read.append(LabeledRow(where, text, labels, row))
        for offsets in offsets_of(labels):
            votes.add(text, offsets)
    return read, votes.is_included(name, what)


def checked_span(
    offsets: Offsets, text: str, *, included: bool, what: str, where: str, problems: Problems
) -> tuple[int, int] | None:
    """Returns start and excluded end of a span, or adds what is wrong with it and returns None.

    Args:
        offsets: The span.
        text: Its text.
        included: Whether the end is the last character of the span.
        what: Names the span in messages: "the PER".
        where: `file:line`.
        problems: Gets what is wrong.
    """
    start, end = offsets.start, offsets.end + included
    what = f"{what} from {offsets.start} to {offsets.end}"
    if not 0 <= start < end <= len(text):
        how = f"the end is {'included' if included else 'excluded'}"
        size = f"the text has {len(text)} characters, {how}"
        problems.add(where, f"{what} is empty or outside of the text; {size}")
    elif offsets.text is not None and text[start:end] != offsets.text:
        problems.add(where, f"{what} is {text[start:end]!r:.40}, not {offsets.text!r:.40}")
    elif not text[start:end].strip():
        problems.add(where, f"{what} is only white space")
    else:
        return start, end
    return None
