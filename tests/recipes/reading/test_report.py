from __future__ import annotations

import re
from types import SimpleNamespace

from hornbook.data.questions.passage_question import AnswerSpan, Question
from hornbook.recipes.reading.best_answers import Answer
from hornbook.recipes.reading.question_metrics import question_metrics
from hornbook.recipes.reading.report import ReadingReport
from hornbook.report import Page

CONTEXT = "北京大学在北京。" + "很" * 200 + "南京"


def shown(*pairs, threshold=0.5):
    """Returns the worst answers of a report as text, with `kind[...]` in place of marks."""
    questions, answers = zip(*pairs, strict=True)
    recipe = SimpleNamespace(
        threshold=threshold, metrics=lambda *both: question_metrics(*both, threshold)
    )
    report = ReadingReport(recipe, questions, answers)
    page = Page("x")
    report.add_mistakes(page)
    html = re.sub(r'<mark class="(\w+)">(.*?)</mark>', r"\1[\2]", page.html())
    return [re.sub("<.*?>", "", item) for item in re.findall("<li>.*?</li>", html)]


def question(*spans, passages=(CONTEXT,)):
    spans = tuple(AnswerSpan(*span) for span in spans)
    golds = tuple(passages[p][a:b] for p, a, b in spans)
    return Question("哪里？", passages, golds, spans, "/x/a:1")


def answer(passage, start, end, no_answer=0.1):
    return Answer(AnswerSpan(passage, start, end), 0.75, no_answer, [])


def test_answers_are_cut_into_what_is_right_missed_and_wrong():
    [item] = shown((question((0, 0, 4)), answer(0, 2, 5)))
    assert item.startswith("哪里？ missed[北京]right[大学]wrong[在]0.75北京。很")
    assert item.endswith("很… a:1")
    [apart] = shown((question((0, 0, 2)), answer(0, 4, 5)))
    assert apart.startswith("哪里？ missed[北京]大学wrong[在]0.75北京。很")


def test_two_excerpts_are_shown_where_the_answers_are_far_apart():
    [item] = shown((question((0, 0, 4)), answer(0, 208, 210)))
    assert item.startswith("哪里？ missed[北京大学]在北京。很")
    assert item.endswith("很wrong[南京]0.75 a:1")
    assert len(item) < 200
    [item] = shown((question((1, 0, 1), passages=("甲乙", "丙丁")), answer(0, 0, 1)))
    assert item == "哪里？ wrong[甲]0.75乙missed[丙]丁 a:1"


def test_answers_where_there_is_none_and_none_where_there_is_one():
    given, withheld = shown(
        (question(), answer(0, 0, 2)), (question((0, 0, 2)), answer(0, 0, 2, 0.9))
    )
    assert given.startswith("哪里？ wrong[北京]0.75大学")
    assert given.endswith("a:1, there is no answer")
    assert withheld.startswith("哪里？ missed[北京]大学")
    assert withheld.endswith("a:1, no answer given (0.90)")


def test_right_answers_are_not_listed():
    assert shown((question((0, 0, 2)), answer(0, 0, 2)), (question(), answer(0, 0, 2, 0.9))) == []
