"""The best answer against a search through all answers of all windows."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.data.entities.units import unit_spans
from hornbook.recipes.reading.best_answers import ScoredWindow, answer_odds, best_answer
from hornbook.recipes.reading.question_windows import NO_ANSWER, QuestionWindow
from hornbook.recipes.spans.text_windows import Units, Window

LONGEST = 3


def scored(passage, text, windows, random, labels=()):
    """Windows of a passage with random scores."""
    units = Units(unit_spans(text), [[5]] * len(text))
    rows = []
    for first, last in windows:
        window = QuestionWindow(0, passage, Window(passage, units, first, last), None)
        scores = random.normal(size=(1 + last - first, 2)) * 2
        rows.append(ScoredWindow(window, scores, labels))
    return rows


def search(rows):
    """All answers with their odds, by a loop: the higher one of two windows."""
    odds = {}
    for (_, passage, (_, _, first, last, _), _), scores, _ in rows:
        nothing = scores[0, 0] + scores[0, 1]
        for i in range(first, last):
            for j in range(i, min(i + LONGEST, last)):
                score = scores[i - first + 1, 0] + scores[j - first + 1, 1] - nothing
                key = (passage, i, j + 1)
                odds[key] = max(odds.get(key, 0), np.exp(score))
    return odds


@pytest.mark.parametrize("seed", range(5))
def test_it_is_that_of_a_search_through_all_windows_of_all_passages(seed):
    random = np.random.default_rng(seed)
    rows = scored(0, "甲乙丙丁戊己庚辛", [(0, 4), (3, 7), (6, 8)], random)
    rows += scored(1, "甲", [(0, 1)], random)
    odds = search(rows)
    total = 1 + sum(odds.values())
    answer = best_answer(rows, LONGEST)
    assert answer.span == max(odds, key=odds.get)
    assert answer.probability == pytest.approx(max(odds.values()) / total)
    assert answer.no_answer == pytest.approx(1 / total)
    assert answer.losses == []


def test_scores_of_a_window_may_differ_by_a_constant():
    random = np.random.default_rng(0)
    rows = scored(0, "甲乙丙丁戊己", [(0, 4), (3, 6)], random)
    shifted = [rows[0], rows[1]._replace(scores=rows[1].scores + 100)]
    before, after = best_answer(rows, LONGEST), best_answer(shifted, LONGEST)
    assert before.span == after.span
    assert before.probability == pytest.approx(after.probability)


def test_the_loss_of_a_window_is_that_of_training():
    random = np.random.default_rng(0)
    [row] = scored(0, "甲乙丙丁", [(0, 4)], random, [(1, 2), (4, 0)])
    odds = search([row])
    total = 1 + sum(odds.values())
    right = odds[0, 0, 3] + odds[0, 3, 4]
    assert best_answer([row], LONGEST).losses == [pytest.approx(np.log(total / right))]
    nothing = best_answer([row._replace(labels=[NO_ANSWER])], LONGEST)
    assert nothing.losses == [pytest.approx(np.log(total))]


def test_an_answer_ends_in_its_window():
    odds = answer_odds(np.zeros((3, 2)), LONGEST)
    np.testing.assert_array_equal(odds, [[0, 0, -np.inf], [0, -np.inf, -np.inf]])
