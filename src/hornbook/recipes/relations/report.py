"""The report of a model of relations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from hornbook.data.relations.related_text import RelatedText
from hornbook.recipes.relations.scores import Outputs, metrics_table, predicted_relations
from hornbook.recipes.spans.extraction_report import (
    PRECISION_AND_RECALL,
    ExtractionReport,
    add_most_frequent,
    by_kind,
    marked_beginning,
)
from hornbook.report import Mark, Page


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
        add_most_frequent(page, self.metrics["f1"], self.metrics["relations"], "predicates")

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
        gold, predicted = _mentions(sample.relations or ()), _mentions(self.predicted[number])
        return *marked_beginning(sample.text, gold, predicted), Path(sample.where).name

    def _lines(self, number: int) -> list[tuple[str, str]]:
        """Returns the relations of a text, each with whether it is missed, wrong or right."""
        return [
            (kind, " · ".join(triple))
            for kind, triples in by_kind(self.gold_triples[number], self.triples[number])
            for triple in triples
        ]


def _mentions(relations: Any) -> set[tuple[int, int, str]]:
    """Returns all subjects and objects of relations."""
    return {(*span, "") for one in relations for span in (one.subject, one.object)}
