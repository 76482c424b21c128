"""Metrics of a model of relations: strict micro F1 of triples, by text and by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hornbook.data.relations.related_text import RelatedText, Relation, Triple
from hornbook.metrics import precision_recall_f1_of_sets
from hornbook.recipes.relations.unit_relations import Answer, in_characters
from hornbook.recipes.spans.extraction_report import mean_loss
from hornbook.recipes.spans.text_windows import Units

FIGURES = ("precision", "recall", "f1")
Outputs = Sequence[tuple[Units, Answer]]


def predicted_relations(outputs: Outputs) -> list[set[Relation]]:
    """Returns the relations of each text, in characters."""
    return [
        {in_characters(one.relation, units) for one in answer.relations}
        for units, answer in outputs
    ]


def relation_metrics(
    samples: Sequence[RelatedText], outputs: Outputs, predicates: Sequence[str]
) -> dict[str, Any]:
    """Measures a model of relations.

    A triple is right if its subject, predicate and object are in the labels of its text, all three
    letter by letter, wherever the subject and object are in the text, as contests measure it.  One
    that is there twice counts once.  Labeled triples that are not in their text are missed.

    Args:
        samples: The texts with their relations.
        outputs: The model's output for each.
        predicates: Those of the model; others of the samples are added.

    Returns:
        `precision`, `recall`, `f1` and `relations` by predicate; `micro_precision`, `micro_recall`
        and `micro_f1` of all; if relations were given by offsets, `span_precision`, `span_recall`
        and `span_f1`, where both places must be right; `log_loss`, the mean loss of a text.
    """
    predicted = predicted_relations(outputs)
    gold_triples = [sample.triples() for sample in samples]
    triples: list[set[Triple]] = [
        {sample.triple(one) for one in relations}
        for sample, relations in zip(samples, predicted, strict=True)
    ]
    known = {*predicates, *(triple.predicate for of_text in gold_triples for triple in of_text)}
    metrics = precision_recall_f1_of_sets(
        gold_triples, triples, lambda triple: triple.predicate, sorted(known)
    )
    metrics["relations"] = metrics.pop("labels")
    if any(sample.has_offsets for sample in samples):
        gold = [set(sample.relations or ()) for sample in samples]
        by_place = precision_recall_f1_of_sets(gold, predicted, lambda one: one.predicate, ())
        metrics |= {f"span_{name}": by_place[f"micro_{name}"] for name in FIGURES}
    metrics["log_loss"] = mean_loss(answer.loss for _, answer in outputs)
    return metrics


def metrics_table(
    metrics: Mapping[str, Any], most: int | None = None
) -> tuple[list[str], list[list[Any]]]:
    """Returns the metrics as columns and rows: a row per predicate that is labeled, the most
    frequent first, then all.

    Args:
        metrics: The metrics.
        most: Maximum number of predicates with a row of their own.  Defaults to all.
    """
    counts = metrics["relations"]
    rows: list[list[Any]] = [
        [predicate, counts[predicate], *(metrics[name][predicate] for name in FIGURES)]
        for predicate in sorted(counts, key=lambda name: (-counts[name], name))
        if counts[predicate]
    ]
    if most is not None and len(rows) > most:
        others = sum(row[1] for row in rows[most:])
        rows[most:] = [[f"{len(rows) - most:,} others", others, None, None, None]]
    total = sum(counts.values())
    rows.append(["all", total, *(metrics[f"micro_{name}"] for name in FIGURES)])
    if "span_f1" in metrics:
        rows.append(["all, by place", total, *(metrics[f"span_{name}"] for name in FIGURES)])
    return ["predicate", "relations", "precision", "recall", "F1"], rows
