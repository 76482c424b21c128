"""Scores of answers, worked out by hand from the scripts of CMRC 2018 and SQuAD."""

from __future__ import annotations

import pytest

from hornbook.data.questions.answer_scores import (
    best_score,
    chinese_score,
    english_score,
    rule_for,
)


@pytest.mark.parametrize(
    ("gold", "answer", "exact", "f1"),
    [
        ("北京大学", "北京大学", 1, 1),
        ("北京大学", "《北京大学》。", 1, 1),  # punctuation does not count
        ("北京大学", "在北京大", 0, 2 * 3 / 8),  # 北京大
        ("北京大学", "大学北京", 0, 2 * 2 / 8),  # in order: 北京 or 大学, not both
        ("北京大学", "清华", 0, 0),
        ("Windows 95系统", "windows 95", 0, 2 * 2 / 6),  # windows, 95, 系, 统 against two
        ("2017年10月", "2017年", 0, 2 * 2 / 6),  # 2017, 年, 10, 月
        ("3.14米", "3.14", 0, 2 * 1 / 3),  # a number is one token
        ("20,000人", "20-000人", 0, 2 * 1 / 4),  # 20,000 is not 20000, but 人 is 人
    ],
)
def test_chinese_answers_are_scored_by_the_longest_common_run(gold, answer, exact, f1):
    assert chinese_score(gold, answer) == (exact, pytest.approx(f1))


@pytest.mark.parametrize(
    ("gold", "answer", "exact", "f1"),
    [
        ("The Eiffel Tower", "eiffel tower", 1, 1),
        ("the U.S. Army", "US army!", 1, 1),
        ("in the old town", "town in", 0, 2 * 2 / 5),  # in any order
        ("red red wine", "red wine wine", 0, 2 * 2 / 6),  # as often as in both
        ("Paris", "London", 0, 0),
        ("the", "a", 1, 1),  # nothing is left of either
        ("the", "cat", 0, 0),
    ],
)
def test_english_answers_are_scored_by_their_words(gold, answer, exact, f1):
    assert english_score(gold, answer) == (exact, pytest.approx(f1))


def test_the_nearest_of_several_right_answers_counts():
    assert best_score(["北京大学", "大学"], "北京大", chinese_score) == (0, pytest.approx(6 / 7))
    assert best_score(["x", "red wine"], "wine", english_score) == (0, pytest.approx(2 / 3))


def test_no_answer_is_right_exactly_where_there_is_none():
    assert best_score([], None, english_score) == (1, 1)
    assert best_score([], "x", english_score) == (0, 0)
    assert best_score(["x"], None, chinese_score) == (0, 0)


def test_the_rule_is_that_of_the_language_of_most_letters():
    assert rule_for(["北京", "Windows"]) is english_score
    assert rule_for(["北京大学在北京", "IBM"]) is chinese_score
    assert rule_for(["1999", ""]) is english_score
