"""The best answer to a question over all windows of all its passages.

The model scores each window by itself, so the scores of two windows differ by an unknown constant.
What it learns is the odds of an answer against "no answer" in the same window, since windows that
do not hold the answer learn "no answer".  So the scores of a window are taken relative to its
"no answer", which makes them comparable; an answer that two windows hold has the higher score.  The
probabilities are then one softmax over all answers of all passages and one "no answer" of score 0:
Bayes' rule for windows that are judged independently, of which one at most holds the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from hornbook.data.questions.passage_question import AnswerSpan
from hornbook.recipes.reading.question_windows import NO_ANSWER, Cell, QuestionWindow


class ScoredWindow(NamedTuple):
    """A window, its scores (see `answer_odds`), and the cells of its right answers, if any."""

    window: QuestionWindow
    scores: np.ndarray
    labels: Sequence[Cell]


class Answer(NamedTuple):
    """The best answer to a question.

    Attributes:
        span: Where it is, in characters of its passage.
        probability: Its probability.
        no_answer: The probability that there is none.
        losses: The loss of each window that has labels.
    """

    span: AnswerSpan
    probability: float
    no_answer: float
    losses: list[float]


def answer_odds(scores: np.ndarray, longest: int) -> np.ndarray:
    """Returns the logarithm of the odds of each answer against "no answer" in a window.

    Args:
        scores: `(1 + units, 2)`, of start and end; first those of "no answer".
        longest: Maximum units of an answer.

    Returns:
        `(units, longest)`: at `[i, d]` that of the answer from unit `i` to `i + d`, -inf beyond the
        last unit.
    """
    scores = np.asarray(scores, np.float64)
    start, end = scores[1:].T
    ends = np.concatenate([end, np.full(longest - 1, -np.inf)])
    windows = np.lib.stride_tricks.sliding_window_view(ends, longest)
    return np.asarray(start[:, None] + windows - scores[0].sum())


def best_answer(windows: Iterable[ScoredWindow], longest: int) -> Answer:
    """Returns the best answer to a question.

    Args:
        windows: All windows of the question, passage by passage.
        longest: Maximum units of an answer.
    """
    odds_of: dict[int, np.ndarray] = {}
    units_of = {}
    losses = []
    for one, scores, cells in windows:
        units_of[one.passage] = one.window.units
        odds = answer_odds(scores, longest)
        if cells:
            losses.append(_loss(odds, cells))
        if one.passage not in odds_of:
            shape = len(one.window.units.spans), longest
            odds_of[one.passage] = np.full(shape, -np.inf)
        part = odds_of[one.passage][one.window.first : one.window.last]
        np.maximum(part, odds, out=part)
    total = np.logaddexp.reduce([0.0, *(_log_sum(odds) for odds in odds_of.values())])
    passage = max(odds_of, key=lambda number: odds_of[number].max())
    best = odds_of[passage]
    first, more = divmod(int(best.argmax()), longest)
    spans = units_of[passage].spans
    return Answer(
        AnswerSpan(passage, spans[first][0], spans[first + more][1]),
        float(np.exp(best[first, more] - total)),
        float(np.exp(-total)),
        losses,
    )


def _loss(odds: np.ndarray, cells: Sequence[Cell]) -> float:
    """Returns the loss of a window, as in `hornbook.layers.answer_crossentropy`."""
    right = [0.0 if cell == NO_ANSWER else odds[cell[0] - 1, cell[1]] for cell in cells]
    return float(np.logaddexp(0.0, _log_sum(odds)) - np.logaddexp.reduce(right))


def _log_sum(odds: np.ndarray) -> float:
    highest = odds.max()
    return float(highest + np.log(np.exp(odds - highest).sum()))
