"""The report of a reading model: the worst answers, marked in their contexts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hornbook.data.questions.passage_question import AnswerSpan, Question
from hornbook.recipes.reading.best_answers import Answer
from hornbook.recipes.reading.question_metrics import answer_text, scored
from hornbook.recipes.text_report import TextReport
from hornbook.report import Mark, Page

WORST = 20  # questions shown
AROUND = 60  # characters of the context shown on each side
RULES = {
    "CMRC 2018": (
        "Both are computed as in CMRC 2018's script for Chinese: without punctuation, F1 from the "
        "longest run of characters in common."
    ),
    "SQuAD": (
        "Both are computed as in SQuAD's script: without case, punctuation and articles, F1 from "
        "the words in common."
    ),
}


class ReadingReport(TextReport):
    """The page `report.html` of a reading model."""

    title: ClassVar[str] = "Reading comprehension"
    variable: ClassVar[str] = "answers"
    rising: ClassVar[str] = "exact match and F1"
    shares_caption: ClassVar[str] = "On the validation questions"
    curves: ClassVar[Mapping[str, str]] = {"F1": "f1", "exact match": "exact_match"}

    def __init__(self, recipe: Any, samples: Sequence[Question], outputs: Sequence[Answer]):
        super().__init__(recipe, samples, outputs)
        self.scores = scored(samples, outputs, recipe.threshold)

    @staticmethod
    def headline(metrics: Mapping[str, Any]) -> str:
        return f"F1 {metrics['f1']:.3f}, exact match {metrics['exact_match']:.3f}"

    def explanation(self) -> str:
        text = (
            "Exact match is the share of questions whose answer is one of the right ones; F1 is "
            "between 0 and 1 for an answer that is right in part. "
            f"{RULES[self.metrics['rule']]}"
        )
        threshold = self.recipe.threshold
        if threshold is None:
            return f"{text} All training questions have an answer, so one is always given."
        return (
            f"{text} No answer is given where the probability that there is none exceeds "
            f"{threshold:.3f}, the threshold that is best for these questions."
        )

    def add_mistakes(self, page: Page) -> None:
        """Adds the questions with the lowest F1, the most probable answers first."""
        wrong = [number for number, score in enumerate(self.scores) if score.f1 < 1]
        page.add_text(
            f"{len(wrong):,} of {len(self.samples):,} answers are not entirely right. After each "
            "question comes the part of its context with the right answer and the model's, which "
            "is followed by its probability."
        )

        def badness(number: int) -> tuple[float, float, int]:
            return self.scores[number].f1, -self.outputs[number].probability, number

        if worst := sorted(wrong, key=badness)[:WORST]:
            page.add_marked_texts(self._marked(number) for number in worst)

    def _marked(self, number: int) -> tuple[str, list[Mark], str]:
        """Returns a question with excerpts of its contexts, marks, and what is said about it."""
        sample, answer = self.samples[number], self.outputs[number]
        remarks = [Path(sample.where).name]
        own: AnswerSpan | None = answer.span
        if answer_text(sample, answer, self.recipe.threshold) is None:
            remarks.append(f"no answer given ({answer.no_answer:.2f})")
            own = None
        gold = min(sample.spans, key=lambda gold: _distance(gold, answer.span), default=None)
        if gold is None:
            remarks.append("there is no answer")
        pieces = _pieces(own, gold)
        text, marks = f"{sample.question} ", []
        for passage, start, end in _excerpts([span for span, _ in pieces]):
            whole = sample.passages[passage]
            text += "…" if start else ""
            offset = len(text) - start
            text += whole[start:end] + ("…" if end < len(whole) else "")
            for span, kind in pieces:
                if span.passage == passage and start <= span.start < end:
                    is_end = own is not None and kind != "missed" and span.end == own.end
                    label = f"{answer.probability:.2f}" if is_end else ""
                    marks.append(Mark(span.start + offset, span.end + offset, kind, label))
        return text, marks, ", ".join(remarks)

    def usage(self) -> tuple[str, str]:
        return "", 'predict([("question", "context")])'


def _distance(gold: AnswerSpan, own: AnswerSpan) -> tuple[bool, int]:
    return gold.passage != own.passage, abs(gold.start - own.start) + abs(gold.end - own.end)


def _pieces(own: AnswerSpan | None, gold: AnswerSpan | None) -> list[tuple[AnswerSpan, str]]:
    """Cuts the model's and the right answer into what is right, missed and wrong."""
    if own is None or gold is None or own.passage != gold.passage:
        return [(span, kind) for span, kind in ((gold, "missed"), (own, "wrong")) if span]
    start, end = max(own.start, gold.start), min(own.end, gold.end)
    if start >= end:
        return [(gold, "missed"), (own, "wrong")]
    pieces = [(AnswerSpan(own.passage, start, end), "right")]
    for span, kind in ((gold, "missed"), (own, "wrong")):
        before = AnswerSpan(span.passage, span.start, start)
        after = AnswerSpan(span.passage, end, span.end)
        pieces += [(piece, kind) for piece in (before, after) if piece.start < piece.end]
    return pieces


def _excerpts(spans: Sequence[AnswerSpan]) -> list[AnswerSpan]:
    """Returns the parts of passages around spans, joined where they overlap."""
    excerpts: list[AnswerSpan] = []
    for passage, start, end in sorted(spans):
        start, end = max(0, start - AROUND), end + AROUND
        if excerpts and excerpts[-1].passage == passage and start <= excerpts[-1].end:
            start, end = excerpts[-1].start, max(end, excerpts.pop().end)
        excerpts.append(AnswerSpan(passage, start, end))
    return excerpts
