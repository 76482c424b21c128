"""The report of a model of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hornbook.data.events.event_text import EventText
from hornbook.metrics import precision_recall_f1_of_sets
from hornbook.recipes.events.event_scores import (
    Outputs,
    TypedArgument,
    metrics_table,
    predicted_events,
    typed_arguments,
)
from hornbook.recipes.spans.extraction_report import (
    PRECISION_AND_RECALL,
    ExtractionReport,
    add_most_frequent,
    by_kind,
    marked_beginning,
)
from hornbook.report import Mark, Page


class EventsReport(ExtractionReport):
    """The page `report.html` of a model of events."""

    title: ClassVar[str] = "Events"
    variable: ClassVar[str] = "events"

    def __init__(self, recipe: Any, samples: Sequence[EventText], outputs: Outputs):
        super().__init__(recipe, samples, outputs)
        self.predicted = predicted_events(outputs)
        self.gold = [set(sample.events or ()) for sample in samples]
        self.gold_arguments, self.arguments = (
            [
                typed_arguments(sample.text, events)
                for sample, events in zip(samples, each, strict=True)
            ]
            for each in (self.gold, self.predicted)
        )

    @staticmethod
    def headline(metrics: Mapping[str, Any]) -> str:
        arguments = ExtractionReport.headline(metrics)
        return f"{arguments}; F1 of whole events {metrics['event_micro_f1']:.3f}"

    def results(self) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(self.metrics)

    def explanation(self) -> str:
        return (
            "An argument, the trigger included, is right if its event type, its role and both of "
            "its borders are those of a label of the text; an event is right if its type and all "
            f"of its arguments are. {PRECISION_AND_RECALL} By the rule of DuEE's contest, which "
            "scores the characters of arguments without their places and leaves triggers out, F1 "
            f"is {self.metrics['character_f1']:.3f}."
        )

    def add_charts(self, page: Page) -> None:
        def kind_of(one: TypedArgument) -> str:
            return f"{one.type} / {one.role}"

        kinds = sorted({kind_of(one) for of_text in self.gold_arguments for one in of_text})
        figures = precision_recall_f1_of_sets(self.gold_arguments, self.arguments, kind_of, kinds)
        add_most_frequent(page, figures["f1"], figures["labels"], "roles")

    def add_mistakes(self, page: Page) -> None:
        """Adds the texts with the most missed and wrong arguments and events."""
        labels, predictions = (
            [{*arguments, *events} for arguments, events in zip(*each, strict=True)]
            for each in ((self.gold_arguments, self.gold), (self.arguments, self.predicted))
        )
        if worst := self.add_mistake_count(page, labels, predictions):
            page.add_marked_texts(
                [self._marked(number) for number in worst],
                [self._lines(number) for number in worst],
            )

    def _marked(self, number: int) -> tuple[str, list[Mark], str]:
        """Returns the beginning of a text, with its arguments marked."""
        sample = self.samples[number]
        gold, predicted = (
            {(one.start, one.end, one.role) for one in each[number] if one.start >= 0}
            for each in (self.gold_arguments, self.arguments)
        )
        return *marked_beginning(sample.text, gold, predicted), Path(sample.where).name

    def _lines(self, number: int) -> list[tuple[str, str]]:
        """Returns the events of a text, each with whether it is missed, wrong or right."""
        return [
            (kind, self.samples[number].words(event))
            for kind, events in by_kind(self.gold[number], self.predicted[number])
            for event in events
        ]
