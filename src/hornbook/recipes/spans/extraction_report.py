"""What the reports of recipes share that find parts of texts: precision, recall and F1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, TypeVar

from hornbook.recipes.text_report import TextReport
from hornbook.report import Mark, Page, bar_chart

T = TypeVar("T", bound=Any)
WORST = 20  # texts shown
LONGEST = 400  # characters of a text shown
BARS = 20  # kinds in a chart
PRECISION_AND_RECALL = (
    "Precision is the share of the model's answers that are right, recall the share of what is "
    "labeled that it finds, F1 weighs both equally."
)


class ExtractionReport(TextReport):
    """A report on `micro_precision`, `micro_recall` and `micro_f1`."""

    rising: ClassVar[str] = "precision, recall and F1"
    shares_caption: ClassVar[str] = "On the validation texts"

    def result(self) -> str:
        figures = self.metrics
        return (
            f"F1 {figures['micro_f1']:.3f}, precision {figures['micro_precision']:.3f}, "
            f"recall {figures['micro_recall']:.3f}"
        )

    def shares(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
        names = {"F1": "micro_f1", "precision": "micro_precision", "recall": "micro_recall"}
        return {name: [row[key] for row in rows] for name, key in names.items()}

    def add_mistake_count(
        self,
        page: Page,
        labels: Sequence[AbstractSet[Any]],
        predictions: Sequence[AbstractSet[Any]],
    ) -> list[int]:
        """Adds how many texts are not entirely right; returns the indices of the worst.

        Args:
            page: The page.
            labels, predictions: What is in each text, and what the model found.
        """
        mistakes = [len(a ^ b) for a, b in zip(labels, predictions, strict=True)]
        wrong = [number for number, count in enumerate(mistakes) if count]
        page.add_text(f"{len(wrong):,} of {len(mistakes):,} texts are not entirely right.")
        return sorted(wrong, key=lambda number: (-mistakes[number], number))[:WORST]


def by_kind(labels: AbstractSet[T], predictions: AbstractSet[T]) -> list[tuple[str, list[T]]]:
    """Returns what is missed, wrong and right, each sorted."""
    return [
        ("missed", sorted(labels - predictions)),
        ("wrong", sorted(predictions - labels)),
        ("right", sorted(labels & predictions)),
    ]


def marked_beginning(
    text: str,
    labels: AbstractSet[tuple[int, int, str]],
    predictions: AbstractSet[tuple[int, int, str]],
) -> tuple[str, list[Mark]]:
    """Returns the beginning of a text, with spans in it marked.

    Args:
        text: The text.
        labels, predictions: Start, end and name of each span.
    """
    beginning = text[:LONGEST]
    marks = [
        Mark(start, end, kind, name)
        for kind, spans in by_kind(labels, predictions)
        for start, end, name in spans
        if end <= len(beginning)
    ]
    return beginning + "…" * (len(beginning) < len(text)), marks


def add_most_frequent(
    page: Page, figures: Mapping[str, float], counts: Mapping[str, int], what: str
) -> None:
    """Adds a chart of the F1 of the kinds with the most labels.

    Args:
        page: The page.
        figures: F1 by kind.
        counts: Number of labels by kind.
        what: The kinds, for the caption: "predicates".
    """
    names = sorted(
        (name for name in counts if counts[name]), key=lambda name: (-counts[name], name)
    )
    if len(names) > 1:
        chart = bar_chart({name: round(figures[name], 3) for name in names[:BARS]})
        page.add_chart(chart, f"F1 of the most frequent {what}")
