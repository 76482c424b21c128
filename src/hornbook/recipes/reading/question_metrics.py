"""Metrics of answers to questions, and the threshold from which on there is no answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.data.questions.answer_scores import (
    Score,
    best_score,
    chinese_score,
    rule_for,
)
from hornbook.data.questions.passage_question import Question
from hornbook.recipes.reading.best_answers import Answer

RULES = {True: "CMRC 2018", False: "SQuAD"}  # whether the right answers are Chinese


def answer_text(question: Question, answer: Answer, threshold: float | None) -> str | None:
    """Returns the text of an answer; None where "no answer" is more probable than the threshold."""
    if threshold is not None and answer.no_answer > threshold:
        return None
    passage, start, end = answer.span
    return question.passages[passage][start:end]


def scored(
    questions: Sequence[Question], answers: Sequence[Answer], threshold: float | None
) -> list[Score]:
    """Returns exact match and F1 of each answer, by the rule for the language of the questions."""
    rule = rule_for(gold for one in questions for gold in one.golds or ())
    return [
        best_score(one.golds or (), answer_text(one, answer, threshold), rule)
        for one, answer in zip(questions, answers, strict=True)
    ]


def question_metrics(
    questions: Sequence[Question], answers: Sequence[Answer], threshold: float | None
) -> dict[str, Any]:
    """Measures answers.

    Args:
        questions: The questions with their right answers.
        answers: The best answer to each.
        threshold: Probability of "no answer" above which none is given; None: one is always given.

    Returns:
        `questions`, `exact_match` and `f1`; the same of questions `with_answer` and
        `without_answer`, if there are both; `rule`, by which they are measured; `log_loss`, the
        mean loss of a window.
    """
    scores = scored(questions, answers, threshold)
    metrics: dict[str, Any] = _means(scores)
    has_answer = [bool(one.golds) for one in questions]
    if len(set(has_answer)) > 1:
        for name, value in (("with_answer", True), ("without_answer", False)):
            of_kind = zip(scores, has_answer, strict=True)
            metrics[name] = _means([score for score, own in of_kind if own == value])
    rule = rule_for(gold for one in questions for gold in one.golds or ())
    metrics["rule"] = RULES[rule is chinese_score]
    losses = [loss for answer in answers for loss in answer.losses]
    metrics["log_loss"] = float(np.mean(losses)) if losses else None
    return metrics


def _means(scores: Sequence[Score]) -> dict[str, Any]:
    exact, f1 = np.mean(scores, axis=0)
    return {"questions": len(scores), "exact_match": float(exact), "f1": float(f1)}


def metrics_table(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Returns the metrics as columns and rows."""
    names = {"with_answer": "with an answer", "without_answer": "without an answer"}
    parts = [(title, metrics[name]) for name, title in names.items() if name in metrics]
    rows = [
        [title, *(part[name] for name in ("questions", "exact_match", "f1"))]
        for title, part in [*parts, ("all", metrics)]
    ]
    return ["questions", "number", "exact match", f"F1 ({metrics['rule']})"], rows


def best_threshold(questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """Returns the probability of "no answer" above which none is given, for the highest F1.

    Thresholds lie between the probabilities of the questions; 0.5 if all questions have an answer.
    """
    if all(one.golds for one in questions):
        return 0.5
    scores = scored(questions, answers, None)
    order = np.argsort([answer.no_answer for answer in answers], kind="stable")
    probabilities = np.array([answers[number].no_answer for number in order])
    with_answers = np.array([scores[number].f1 for number in order])
    without = np.array([float(not questions[number].golds) for number in order])
    # F1 if the first n questions, those with the lowest probabilities, are answered
    sums = np.concatenate([[0], np.cumsum(with_answers)])
    sums += np.concatenate([np.cumsum(without[::-1])[::-1], [0]])
    borders = np.concatenate([[0.0], (probabilities[:-1] + probabilities[1:]) / 2, [1.0]])
    # equal probabilities cannot be told apart
    sums[1:-1][probabilities[:-1] == probabilities[1:]] = -1
    return float(borders[int(sums.argmax())])
