from __future__ import annotations

import pytest

from hornbook.data.questions.passage_question import AnswerSpan, Question
from hornbook.recipes.reading.best_answers import Answer
from hornbook.recipes.reading.question_metrics import (
    answer_text,
    best_threshold,
    metrics_table,
    question_metrics,
)


def question(*golds):
    return Question("谁？", ("北京大学在北京",), golds, (), "a:1")


def answer(start, end, no_answer=0.1, losses=(1.0,)):
    return Answer(AnswerSpan(0, start, end), 0.5, no_answer, list(losses))


def test_questions_are_measured_together_and_by_kind():
    questions = [question("北京大学", "北京"), question("北京大学"), question()]
    answers = [answer(0, 2), answer(0, 3), answer(0, 1, 0.7, [2.0, 5.0])]
    metrics = question_metrics(questions, answers, 0.6)
    assert metrics["f1"] == pytest.approx((1 + 6 / 7 + 1) / 3)
    assert metrics["exact_match"] == pytest.approx(2 / 3)
    assert metrics["with_answer"] == {
        "questions": 2,
        "exact_match": 0.5,
        "f1": pytest.approx((1 + 6 / 7) / 2),
    }
    assert metrics["without_answer"] == {"questions": 1, "exact_match": 1.0, "f1": 1.0}
    assert metrics["log_loss"] == pytest.approx(9 / 4)
    columns, rows = metrics_table(metrics)
    assert columns[-1] == "F1 (CMRC 2018)"
    assert [row[:2] for row in rows] == [
        ["with an answer", 2],
        ["without an answer", 1],
        ["all", 3],
    ]
    always = question_metrics(questions, answers, None)
    assert always["without_answer"]["f1"] == 0
    alone = question_metrics(questions[:2], answers[:2], None)
    assert [row[0] for row in metrics_table(alone)[1]] == ["all"]


def test_no_answer_is_given_above_the_threshold():
    assert answer_text(question(), answer(0, 2, 0.5), 0.5) == "北京"
    assert answer_text(question(), answer(0, 2, 0.51), 0.5) is None
    assert answer_text(question(), answer(0, 2, 0.99), None) == "北京"


def test_the_threshold_is_the_best_one_between_two_questions():
    questions = [question("北京"), question(), question("北京"), question()]
    answers = [answer(0, 2, p) for p in (0.1, 0.6, 0.3, 0.9)]
    assert best_threshold(questions, answers) == pytest.approx(0.45)
    # a wrong answer is not worth giving
    answers[2] = answer(4, 5, 0.3)
    assert best_threshold(questions, answers) == pytest.approx(0.2)
    # of two questions with one probability both get an answer or neither
    assert best_threshold(questions[:2], [answer(0, 2, 0.3)] * 2) in (0, 1)


def test_without_a_question_that_has_no_answer_there_is_nothing_to_choose_by():
    assert best_threshold([question("北京")], [answer(0, 2, 0.9)]) == 0.5
