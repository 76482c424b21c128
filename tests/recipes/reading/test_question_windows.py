"""Questions about 甲乙丙..., with windows of five characters behind a question of one."""

from __future__ import annotations

import pytest

from hornbook.data.questions.passage_question import AnswerSpan, Question
from hornbook.recipes.reading.question_windows import NO_ANSWER, QuestionReader
from hornbook.text.vocabulary import learn_wordpiece
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

CONTEXT = "甲乙丙丁戊己庚辛"


@pytest.fixture(scope="module")
def reader():
    tokenizer = WordPieceTokenizer(learn_wordpiece([CONTEXT + "1988 king"] * 3, 100))
    return QuestionReader(tokenizer, 9, 3, lambda encoding: encoding.segment_ids)


def question(*spans, passages=(CONTEXT,), golds=None):
    answers = tuple(AnswerSpan(*span) for span in spans)
    texts = tuple(passages[p][a:b] for p, a, b in answers) if golds is None else golds
    return Question("谁", tuple(passages), texts, answers, "a:1")


def test_a_window_is_labeled_with_the_answers_that_it_has_whole(reader):
    asked = question((0, 4, 6))
    windows = reader.windows([asked])
    assert [(one.window.first, one.window.last) for one in windows] == [(0, 5), (4, 8)]
    assert reader.labels(windows) == [[NO_ANSWER], [(1, 1)]]
    both = question((0, 0, 1), (0, 4, 5))  # both in the first window, one in the second
    assert reader.labels(reader.windows([both])) == [[(1, 0), (5, 0)], [(1, 0)]]


def test_what_has_no_answer_says_so_in_every_window_and_what_is_unlabeled_says_nothing(reader):
    assert reader.labels(reader.windows([question(golds=())])) == [[NO_ANSWER]] * 2
    unlabeled = Question("谁", (CONTEXT,), None, (), "a:1")
    assert reader.labels(reader.windows([unlabeled])) == [[], []]


def test_windows_that_touch_an_answer_that_cannot_be_found_are_not_learned_from(reader):
    long = question((0, 0, 4))  # four units, and three are allowed
    windows = reader.windows([long])
    assert reader.labels(windows) == [[], [NO_ANSWER]]
    assert [answer.text for _, answer in reader.hidden(windows)] == ["甲乙丙丁"]
    cut = question((0, 3, 6))  # whole in neither window
    assert reader.labels(reader.windows([cut])) == [[], []]
    beside = question((0, 3, 6), (0, 5, 6))  # another answer can be found
    assert reader.labels(reader.windows([beside])) == [[], [(2, 0)]]


def test_an_answer_inside_a_word_stands_for_the_word_unless_it_stands_by_itself_too(reader):
    inside = question((0, 2, 4), passages=["甲1988"])
    [answer] = reader.windows([inside])[0].answers
    assert (answer.first, answer.last, answer.exact) == (1, 1, False)
    by_itself = question((0, 2, 3), (0, 6, 7), passages=["甲1988乙9"], golds=("9",))
    assert [one.first for one in reader.windows([by_itself])[0].answers] == [3]


def test_the_windows_of_passages_stand_one_after_the_other(reader):
    asked = question((1, 0, 1), passages=["甲乙", "丙" + CONTEXT, "丁"])
    windows = reader.windows([asked, question(golds=(), passages=["丁"])])
    assert [(one.question, one.passage) for one in windows] == [
        (0, 0),
        (0, 1),
        (0, 1),
        (0, 2),
        (1, 0),
    ]
    assert reader.labels(windows) == [[NO_ANSWER], [(1, 0)], *[[NO_ANSWER]] * 3]
    assert reader.lengths(windows).tokens.tolist() == [6, 13, 5, 5]
