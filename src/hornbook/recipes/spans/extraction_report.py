"""What the reports of recipes share that find parts of texts: precision, recall and F1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, TypeVar

import numpy as np

from hornbook.recipes.text_report import TextReport, worst
from hornbook.report import Mark, Page, bar_chart

T = TypeVar("T", bound=Any)
WORST = 20  # texts shown
LONGEST = 400  # characters of a text shown
BARS = 20  # kinds in a chart
PRECISION_AND_RECALL = (
    "Precision is the share of the model's answers that are right, recall the share of what is "
    "labeled that it finds, F1 weighs both equally."
)


def mean_loss(losses: Iterable[float]) -> float | None:
    """Returns the mean of the losses that are not NaN, those of labeled texts; None without any."""
    known = [loss for loss in losses if not np.isnan(loss)]
    return float(np.mean(known)) if known else None


class ExtractionReport(TextReport):
    """A report on `micro_precision`, `micro_recall` and `micro_f1`."""

    rising: ClassVar[str] = "precision, recall and F1"
    shares_caption: ClassVar[str] = "On the validation texts"
    curves: ClassVar[Mapping[str, str]] = {
        "F1": "micro_f1",
        "precision": "micro_precision",
        "recall": "micro_recall",
    }

    @staticmethod
    def headline(metrics: Mapping[str, Any]) -> str:
        return (
            f"F1 {metrics['micro_f1']:.3f}, precision {metrics['micro_precision']:.3f}, "
            f"recall {metrics['micro_recall']:.3f}"
        )

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
        pairs = zip(labels, predictions, strict=True)
        wrong = {number: len(a ^ b) for number, (a, b) in enumerate(pairs) if a != b}
        page.add_text(f"{len(wrong):,} of {len(labels):,} texts are not entirely right.")
        return worst(wrong, WORST)


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
