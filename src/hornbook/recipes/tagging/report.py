"""Metrics of a tagging model, strict F1 by type, and its report."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hornbook.data.entities.tagged_text import Entity, TaggedText
from hornbook.metrics import precision_recall_f1_of_sets
from hornbook.recipes.spans.extraction_report import (
    PRECISION_AND_RECALL,
    ExtractionReport,
    mean_loss,
)
from hornbook.recipes.spans.text_windows import Units
from hornbook.recipes.tagging.heads import Tagged
from hornbook.report import Mark, Page, heat_map

LONGEST = 400  # characters of a text shown
MOST_TYPES = 20  # in the confusion matrix
NONE = "none"
FIGURES = ("entities", "precision", "recall", "f1")

Outputs = Sequence[tuple[Units, Tagged]]


def predicted_entities(outputs: Outputs) -> list[set[Entity]]:
    """Returns the entities of each text."""
    return [{units.entity(*span) for span, _ in tagged.spans} for units, tagged in outputs]


def extraction_metrics(
    samples: Sequence[TaggedText],
    outputs: Outputs,
    types: Sequence[str],
    corpora: Iterable[str] = (),
) -> dict[str, Any]:
    """Measures a tagging model: an entity is right with exact borders and type.

    Args:
        samples: The texts with their entities; an entity that is labeled twice counts once.
        outputs: The model's output for each.
        types: The types of entities.
        corpora: The corpora, if there are several.

    Returns:
        `precision`, `recall`, `f1` and `entities` by type; `micro_precision`, `micro_recall` and
        `micro_f1` of all; `log_loss`, the mean loss of a text.  With corpora `by_corpus`: the first
        four by corpus.
    """
    gold = [set(sample.entities or ()) for sample in samples]
    predicted = predicted_entities(outputs)
    metrics = precision_recall_f1_of_sets(gold, predicted, lambda entity: entity.type, types)
    metrics["entities"] = metrics.pop("labels")
    present = {sample.corpus for sample in samples}
    if measured := [name for name in corpora if name in present]:
        by_corpus = precision_recall_f1_of_sets(
            _with_corpus(samples, gold),
            _with_corpus(samples, predicted),
            lambda pair: pair[0],
            measured,
        )
        by_corpus["entities"] = by_corpus["labels"]
        metrics["by_corpus"] = {name: by_corpus[name] for name in FIGURES}
    metrics["log_loss"] = mean_loss(tagged.loss for _, tagged in outputs)
    return metrics


def _with_corpus(
    samples: Sequence[TaggedText], entities: Sequence[set[Entity]]
) -> list[set[tuple[str, Entity]]]:
    return [{(x.corpus, one) for one in each} for x, each in zip(samples, entities, strict=True)]


def metrics_table(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Returns the metrics as columns and rows: a row per type, one per corpus, then all."""

    def row(name: str, figures: Mapping[str, Any], title: str) -> list[Any]:
        return [title, *(figures[figure][name] for figure in FIGURES)]

    rows = [row(kind, metrics, kind) for kind in metrics["entities"]]
    of_corpora = metrics.get("by_corpus", {"entities": {}})
    rows += [row(name, of_corpora, f"all of {name}") for name in of_corpora["entities"]]
    every = [metrics[f"micro_{name}"] for name in ("precision", "recall", "f1")]
    if len(rows) > 1:
        rows.append(["all", sum(metrics["entities"].values()), *every])
    return ["type", "entities", "precision", "recall", "F1"], rows


class TaggingReport(ExtractionReport):
    """The page `report.html` of a tagging model."""

    title: ClassVar[str] = "Tagging"
    variable: ClassVar[str] = "tagging"

    def __init__(self, recipe: Any, samples: Sequence[TaggedText], outputs: Outputs):
        super().__init__(recipe, samples, outputs)
        self.gold = [set(sample.entities or ()) for sample in samples]
        self.predicted = predicted_entities(outputs)

    def explanation(self) -> str:
        right = "An entity is right if both of its borders and its type are."
        if self.recipe.words:
            right = "A word is right if both of its borders are."
        return f"{right} {PRECISION_AND_RECALL}"

    def shares(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
        of_corpora = {
            f"F1 of {name}": [row["by_corpus"]["f1"][name] for row in rows]
            for name in self.recipe.corpora
        }
        return {**super().shares(rows), **of_corpora}

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
        if worst := self.add_mistake_count(page, self.gold, self.predicted):
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
        place = Path(sample.where).name
        return text, marks, f"{sample.corpus}, {place}" if self.recipe.corpora else place

    def usage(self) -> tuple[str, str]:
        for name in self.recipe.corpora:
            return f"--corpus {shlex.quote(name)} ", f'predict(["..."], corpus={name!r})'
        return super().usage()
