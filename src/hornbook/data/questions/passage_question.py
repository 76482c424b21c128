"""A question, the passages it is asked about, and its answers, in characters of the passages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class AnswerSpan(NamedTuple):
    """The span `passages[passage][start:end]`."""

    passage: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one passage or several.

    Attributes:
        question: The question, not blank.
        passages: The texts that may hold the answer, none blank.
        golds: The texts of the right answers, of which one is enough; empty if the passages do not
            answer the question, None for questions to predict.
        spans: Where the right answers are in the passages, sorted and without repetitions.  Empty
            only if `golds` is.
        where: `file:line`, or the file and the question's id.
        row: The row without its answer, to be returned with the predicted one.
    """

    question: str
    passages: tuple[str, ...]
    golds: tuple[str, ...] | None
    spans: tuple[AnswerSpan, ...]
    where: str
    row: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


def places_of(
    text: str, start: int | None, passages: Sequence[str]
) -> tuple[list[AnswerSpan], int]:
    """Finds an answer in passages.

    Args:
        text: The answer, without white space around it.
        start: Where it should begin; None if that is not known.
        passages: The passages.

    Returns:
        The occurrence nearest to `start`, or all of them without one; how many characters the
        nearest one is away.
    """
    spans = [
        AnswerSpan(number, begin, begin + len(text))
        for number, passage in enumerate(passages)
        for begin in _occurrences(text, passage)
    ]
    if start is None or not spans:
        return spans, 0
    nearest = min(spans, key=lambda span: abs(span.start - start))
    return [nearest], abs(nearest.start - start)


def _occurrences(text: str, passage: str) -> Iterator[int]:
    begin = passage.find(text)
    while begin >= 0:
        yield begin
        begin = passage.find(text, begin + 1)
