"""What the reports of recipes share that find parts of texts: precision, recall and F1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar

from hornbook.recipes.text_report import TextReport
from hornbook.report import Page

WORST = 20  # texts shown
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
