"""The report of a model of relations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from hornbook.data.relations.related_text import RelatedText, Span
from hornbook.recipes.relations.scores import Outputs, metrics_table, predicted_relations
from hornbook.recipes.spans.extraction_report import PRECISION_AND_RECALL, ExtractionReport
from hornbook.report import Mark, Page, bar_chart

LONGEST = 400  # characters of a text shown
BARS = 20  # predicates in the chart


class RelationsReport(ExtractionReport):
    """The page `report.html` of a model of relations."""

    title: ClassVar[str] = "Relations"
    variable: ClassVar[str] = "relations"

    def __init__(self, recipe: Any, samples: Sequence[RelatedText], outputs: Outputs):
        super().__init__(recipe, samples, outputs)
        self.predicted = predicted_relations(outputs)
        self.gold_triples = [sample.triples() for sample in samples]
        self.triples = [
            {sample.triple(one) for one in relations}
            for sample, relations in zip(samples, self.predicted, strict=True)
        ]

    def results(self) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(self.metrics)

    def explanation(self) -> str:
        by_place = (
            " By place, the offsets of both must be right too." if "span_f1" in self.metrics else ""
        )
        return (
            "A relation is right if its subject, predicate and object are those of a label of the "
            f"text, letter by letter.{by_place} {PRECISION_AND_RECALL}"
        )

    def add_charts(self, page: Page) -> None:
        counts = self.metrics["relations"]
        names = sorted(
            (name for name in counts if counts[name]), key=lambda name: (-counts[name], name)
        )[:BARS]
        if len(names) > 1:
            figures = {name: round(self.metrics["f1"][name], 3) for name in names}
            page.add_chart(bar_chart(figures), "F1 of the most frequent predicates")

    def add_mistakes(self, page: Page) -> None:
        """Adds the texts with the most missed and wrong relations."""
        if worst := self.add_mistake_count(page, self.gold_triples, self.triples):
            page.add_marked_texts(
                [self._marked(number) for number in worst],
                [self._lines(number) for number in worst],
            )

    def _marked(self, number: int) -> tuple[str, list[Mark], str]:
        """Returns the beginning of a text, with its subjects and objects marked."""
        sample = self.samples[number]
        text = sample.text[:LONGEST]
        predicted = _mentions(self.predicted[number])
        gold = _mentions(sample.relations or ())
        marks = [
            Mark(*span, kind, "")
            for kind, spans in (
                ("right", gold & predicted),
                ("missed", gold - predicted),
                ("wrong", predicted - gold),
            )
            for span in spans
            if span.end <= len(text)
        ]
        more = "…" if len(text) < len(sample.text) else ""
        return f"{text}{more}", marks, Path(sample.where).name

    def _lines(self, number: int) -> list[tuple[str, str]]:
        """Returns the relations of a text, each with whether it is missed, wrong or right."""
        gold, predicted = self.gold_triples[number], self.triples[number]
        return [
            (kind, " · ".join(triple))
            for kind, triples in (
                ("missed", gold - predicted),
                ("wrong", predicted - gold),
                ("right", gold & predicted),
            )
            for triple in sorted(triples)
        ]

    def usage(self) -> tuple[str, str]:
        return "", 'predict(["..."])'


def _mentions(relations: Any) -> set[Span]:
    """Returns all subjects and objects of relations."""
    return {span for one in relations for span in (one.subject, one.object)}
