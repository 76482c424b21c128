"""Metrics of a tagging model, strict F1 by type, and its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hornbook.data.entities.tagged_text import Entity, TaggedText
from hornbook.metrics import precision_recall_f1_of_counts
from hornbook.recipes.tagging.heads import Tagged
from hornbook.recipes.text_report import TextReport
from hornbook.recipes.units_of_texts import Units
from hornbook.report import Mark, Page, heat_map

WORST = 20  # texts shown
LONGEST = 400  # characters of a text shown
MOST_TYPES = 20  # in the confusion matrix
NONE = "none"

Outputs = Sequence[tuple[Units, Tagged]]


def predicted_entities(outputs: Outputs) -> list[set[Entity]]:
    """Returns the entities of each text."""
    return [{units.entity(*span) for span, _ in tagged.spans} for units, tagged in outputs]


def extraction_metrics(
    samples: Sequence[TaggedText], outputs: Outputs, types: Sequence[str]
) -> dict[str, Any]:
    """Measures a tagging model: an entity is right with exact borders and type.

    Args:
        samples: The texts with their entities; an entity that is labeled twice counts once.
        outputs: The model's output for each.
        types: The types of entities.

    Returns:
        `precision`, `recall`, `f1` and `entities` by type; `micro_precision`, `micro_recall` and
        `micro_f1` of all; `log_loss`, the mean loss of a text.
    """
    right: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    labeled: Counter[str] = Counter()
    for sample, entities in zip(samples, predicted_entities(outputs), strict=True):
        gold = set(sample.entities or ())
        right.update(entity.type for entity in gold & entities)
        predicted.update(entity.type for entity in entities)
        labeled.update(entity.type for entity in gold)
    metrics: dict[str, Any] = {name: {} for name in ("precision", "recall", "f1", "entities")}
    for kind in types:
        metrics["entities"][kind] = labeled[kind]
        figures = precision_recall_f1_of_counts(right[kind], predicted[kind], labeled[kind])
        for name, value in figures._asdict().items():
            metrics[name][kind] = value
    figures = precision_recall_f1_of_counts(right.total(), predicted.total(), labeled.total())
    metrics |= {f"micro_{name}": value for name, value in figures._asdict().items()}
    losses = [tagged.loss for _, tagged in outputs if not np.isnan(tagged.loss)]
    metrics["log_loss"] = float(np.mean(losses)) if losses else None
    return metrics


def metrics_table(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Returns the metrics as columns and rows: a row per type, then all."""
    rows: list[list[Any]] = [
        [kind, count, *(metrics[name][kind] for name in ("precision", "recall", "f1"))]
        for kind, count in metrics["entities"].items()
    ]
    every = [metrics[f"micro_{name}"] for name in ("precision", "recall", "f1")]
    if len(rows) > 1:
        rows.append(["all", sum(metrics["entities"].values()), *every])
    return ["type", "entities", "precision", "recall", "F1"], rows


class TaggingReport(TextReport):
    """The page `report.html` of a tagging model."""

    title: ClassVar[str] = "Tagging"
    variable: ClassVar[str] = "tagging"
    rising: ClassVar[str] = "precision, recall and F1"
    shares_caption: ClassVar[str] = "On the validation texts"

    def __init__(self, recipe: Any, samples: Sequence[TaggedText], outputs: Outputs):
        super().__init__(recipe, samples, outputs)
        self.gold = [set(sample.entities or ()) for sample in samples]
        self.predicted = predicted_entities(outputs)

    def result(self) -> str:
        figures = self.metrics
        return (
            f"F1 {figures['micro_f1']:.3f}, precision {figures['micro_precision']:.3f}, "
            f"recall {figures['micro_recall']:.3f}"
        )

    def explanation(self) -> str:
        right = "An entity is right if both of its borders and its type are."
        if self.recipe.words:
            right = "A word is right if both of its borders are."
        return (
            f"{right} Precision is the share of the model's answers that are right, recall the "
            "share of what is labeled that it finds, F1 weighs both equally."
        )

    def shares(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
        names = {"F1": "micro_f1", "precision": "micro_precision", "recall": "micro_recall"}
        return {name: [row[key] for row in rows] for name, key in names.items()}

    def add_charts(self, page: Page) -> None:
        names = [*self.recipe.types, NONE]
        if self.recipe.words or len(names) > MOST_TYPES:
            return
        counts = np.zeros((len(names), len(names)), int)
        for gold, predicted in zip(self.gold, self.predicted, strict=True):
            answers = {(one.start, one.end): one.type for one in predicted}
            labels = {(one.start, one.end): one.type for one in gold}
            for span in answers.keys() | labels.keys():
                row, column = labels.get(span, NONE), answers.get(span, NONE)
                counts[names.index(row), names.index(column)] += 1
        chart = heat_map(counts, rows=names, columns=names)
        page.add_chart(chart, "Type (rows), and that of the answer with the same borders (columns)")

    def add_mistakes(self, page: Page) -> None:
        """Adds the texts with the most missed and wrong entities."""
        mistakes = [len(a ^ b) for a, b in zip(self.gold, self.predicted, strict=True)]
        wrong = [number for number, count in enumerate(mistakes) if count]
        page.add_text(f"{len(wrong):,} of {len(self.samples):,} texts are not entirely right.")
        worst = sorted(wrong, key=lambda number: (-mistakes[number], number))[:WORST]
        if worst:
            page.add_marked_texts(self._marked(number) for number in worst)

    def _marked(self, number: int) -> tuple[str, list[Mark], str]:
        """Returns a text from just before its first mistake on, with marks."""
        sample, gold = self.samples[number], self.gold[number]
        predicted = self.predicted[number]
        start = max(0, min(one.start for one in gold ^ predicted) - LONGEST // 4)
        start = start if len(sample.text) > LONGEST else 0
        text = sample.text[start : start + LONGEST]
        marks = [
            Mark(one.start - start, one.end - start, kind, "" if self.recipe.words else one.type)
            for kind, entities in (
                ("right", gold & predicted),
                ("missed", gold - predicted),
                ("wrong", predicted - gold),
            )
            for one in entities
            if start <= one.start and one.end <= start + len(text)
        ]
        if self.recipe.words:
            marks = [mark for mark in marks if mark.kind != "right"]
        if start + len(text) < len(sample.text):
            text += "…"
        if start:
            text = f"…{text}"
            marks = [mark._replace(start=mark.start + 1, end=mark.end + 1) for mark in marks]
        return text, marks, Path(sample.where).name

    def usage(self) -> tuple[str, str]:
        return "", 'predict(["..."])'
