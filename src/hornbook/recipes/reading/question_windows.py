"""The passages of questions as windows with the question in front, and the answers in them.

Answers are spans of units (see `hornbook.recipes.spans.text_windows`).  The labels of a window are
the cells of `hornbook.layers.answer_crossentropy`: index of the first unit, counted from 1, and how
many more units there are; (0, 0) is "no answer".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from hornbook.data.entities.tagged_text import TaggedText
from hornbook.data.questions.passage_question import Question
from hornbook.data.readers.text_lines import note_once
from hornbook.data.texts.summary import Lengths, TextSplits, inside, listed
from hornbook.recipes.spans.text_windows import Units, Window
from hornbook.recipes.spans.unit_reader import UnitReader
from hornbook.recipes.text_report import shortened
from hornbook.text.tokenizer import Encoding, Tokenizer

NO_ANSWER = (0, 0)
Cell = tuple[int, int]


class UnitAnswer(NamedTuple):
    """A right answer, in units.

    Attributes:
        passage: Index of the passage.
        first, last: The units, both included.
        text: What is labeled; its borders may be inside of these units.
        exact: Whether they are not.
    """

    passage: int
    first: int
    last: int
    text: str
    exact: bool


class QuestionWindow(NamedTuple):
    """A window of a passage of the `question`-th question, with all right answers to it."""

    question: int
    passage: int
    window: Window
    answers: list[UnitAnswer] | None


class QuestionReader:
    """Cuts the passages of questions into windows.

    Args:
        tokenizer: The encoder's.
        limit: Maximum tokens that the encoder reads at once; a question may have half of them.
        longest: Maximum units of an answer.
        segment_ids: Returns the segment IDs of a window.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        limit: int,
        longest: int,
        segment_ids: Callable[[Encoding], list[int]],
    ):
        self.reader = UnitReader(tokenizer, limit, limit // 2, segment_ids)
        self.longest = longest

    def windows(self, questions: Sequence[Question]) -> list[QuestionWindow]:
        """Returns the windows of all passages of each question, in order."""
        units = self._units(text for one in questions for text in (one.question, *one.passages))
        fronts = [
            [piece for unit in units[one.question].pieces for piece in unit] for one in questions
        ]
        pairs = [
            (number, index)
            for number, one in enumerate(questions)
            for index in range(len(one.passages))
        ]
        windows = self.reader.windows(
            [units[questions[number].passages[index]] for number, index in pairs],
            [fronts[number] for number, _ in pairs],
        )
        long = [number for number, front in enumerate(fronts) if len(front) > self.reader.front]
        if long:
            note_once(
                f"{len(long):,} questions have more than {self.reader.front} tokens and are "
                f"truncated, the first at {questions[long[0]].where}"
            )
        answers = [_in_units(one, units) for one in questions]
        return [
            QuestionWindow(*pairs[window.sample], window, answers[pairs[window.sample][0]])
            for window in windows
        ]

    def _units(self, texts: Iterable[str]) -> dict[str, Units]:
        """Returns the units of each text; many questions share a passage."""
        distinct = list(dict.fromkeys(texts))
        units = self.reader.units(TaggedText(text, None, "") for text in distinct)
        return dict(zip(distinct, units, strict=True))

    def labels(self, windows: Sequence[QuestionWindow]) -> list[list[Cell]]:
        """Returns the cells of the right answers in each window, or that of "no answer".

        A window that touches an answer that cannot be found has no label: it says neither where
        the answer is nor that there is none.
        """
        hidden = {(one.question, answer) for one, answer in self.hidden(windows)}
        return [self._label(one, hidden) for one in windows]

    def _label(self, one: QuestionWindow, hidden: set[tuple[int, UnitAnswer]]) -> list[Cell]:
        if one.answers is None:
            return []
        touching = [answer for answer in one.answers if _touches(one, answer)]
        cells = {
            (answer.first - one.window.first + 1, answer.last - answer.first)
            for answer in touching
            if self._shows(one, answer)
        }
        if not cells and any((one.question, answer) in hidden for answer in touching):
            return []
        return sorted(cells) or [NO_ANSWER]

    def hidden(
        self, windows: Sequence[QuestionWindow]
    ) -> Iterator[tuple[QuestionWindow, UnitAnswer]]:
        """Yields the answers that are too long, or whole in no window, with one that touches."""
        for _, group in groupby(windows, key=lambda one: one.question):
            of_question = list(group)
            for answer in of_question[0].answers or ():
                touched = [one for one in of_question if _touches(one, answer)]
                if not any(self._shows(one, answer) for one in touched):
                    yield touched[0], answer

    def _shows(self, one: QuestionWindow, answer: UnitAnswer) -> bool:
        """Whether a window that touches an answer has all of it, and it is not too long."""
        inside = one.window.first <= answer.first and answer.last < one.window.last
        return inside and answer.last - answer.first < self.longest

    def lengths(self, windows: Sequence[QuestionWindow]) -> Lengths:
        """Returns the lengths of question and passage in tokens, for the summary."""
        whole = [one.window for one in windows if one.window.first == 0]
        return self.reader.lengths(
            [window.units for window in whole], [window.front for window in whole]
        )


def _touches(one: QuestionWindow, answer: UnitAnswer) -> bool:
    is_beside = answer.last < one.window.first or one.window.last <= answer.first
    return one.passage == answer.passage and not is_beside


def _in_units(question: Question, units: dict[str, Units]) -> list[UnitAnswer] | None:
    """Returns the right answers of a question in units: those that hold a part of them."""
    if question.golds is None:
        return None
    answers = []
    for passage, start, end in question.spans:
        text = question.passages[passage]
        own = units[text]
        exact = own.covering(start, end) is not None
        answers.append(UnitAnswer(passage, *own.around(start, end), text[start:end], exact))
    # of an answer without a start the 8 of 1988 is none where there is an 8 by itself
    whole = {answer.text for answer in answers if answer.exact}
    return [answer for answer in answers if answer.exact or answer.text not in whole]


def answer_lines(
    reader: QuestionReader, windows: Sequence[QuestionWindow], splits: TextSplits[Question]
) -> list[str]:
    """Describes the answers of the training questions, for the summary.

    Args:
        reader: The reader.
        windows: Of the training questions.
        splits: The questions.
    """
    questions = splits.train
    answers = {one.question: one.answers or [] for one in windows}
    sizes = [min(one.last - one.first for one in own) + 1 for own in answers.values() if own]
    middle, most = int(np.median(sizes)), max(sizes)
    line = f"Answers     {len(sizes):,} questions have one; median {middle} units, maximum {most}"
    if without := sum(not one.golds for one in questions):
        line += f"; {without:,} have none"

    def places(pairs: Iterable[tuple[int, UnitAnswer]]) -> list[str]:
        return [
            f"{inside(splits.folder, questions[number].where)}: {shortened(answer.text, 40)!r}"
            for number, answer in pairs
        ]

    cut = ((number, one) for number, own in answers.items() for one in own if not one.exact)
    hidden = ((one.question, answer) for one, answer in reader.hidden(windows))
    what = (
        f"answers are longer than {reader.longest} units, or whole in no window, and cannot be "
        "found:"
    )
    return [
        line,
        *listed(
            "Cut",
            "answers begin or end inside a word or number, which is learned whole:",
            places(cut),
        ),
        *listed("Long", what, places(hidden)),
    ]
