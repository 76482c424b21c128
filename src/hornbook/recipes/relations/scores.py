"""Metrics of a model of relations: strict micro F1 of triples, by text and by place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.data.relations.related_text import RelatedText, Relation, Triple
from hornbook.metrics import precision_recall_f1_of_counts
from hornbook.recipes.relations.unit_relations import Answer, in_characters
from hornbook.recipes.units_of_texts import Units

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
    hits, predictions, labels = (
        Counter(triple.predicate for of_text in sets for triple in of_text)
        for sets in (
            [a & b for a, b in zip(gold_triples, triples, strict=True)],
            triples,
            gold_triples,
        )
    )
    metrics: dict[str, Any] = {name: {} for name in ("precision", "recall", "f1", "relations")}
    for name in sorted({*predicates, *labels}):
        metrics["relations"][name] = labels[name]
        figures = precision_recall_f1_of_counts(hits[name], predictions[name], labels[name])
        for key, value in figures._asdict().items():
            metrics[key][name] = value
    figures = precision_recall_f1_of_counts(hits.total(), predictions.total(), labels.total())
    metrics |= {f"micro_{key}": value for key, value in figures._asdict().items()}
    if any(sample.has_offsets for sample in samples):
        gold = [set(sample.relations or ()) for sample in samples]
        num_right = sum(len(a & b) for a, b in zip(gold, predicted, strict=True))
        figures = precision_recall_f1_of_counts(
            num_right, sum(map(len, predicted)), sum(map(len, gold))
        )
        metrics |= {f"span_{key}": value for key, value in figures._asdict().items()}
    losses = [answer.loss for _, answer in outputs if not np.isnan(answer.loss)]
    metrics["log_loss"] = float(np.mean(losses)) if losses else None
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
    names = ("precision", "recall", "f1")
    counts = metrics["relations"]
    rows: list[list[Any]] = [
        [predicate, counts[predicate], *(metrics[name][predicate] for name in names)]
        for predicate in sorted(counts, key=lambda name: (-counts[name], name))
        if counts[predicate]
    ]
    if most is not None and len(rows) > most:
        others = sum(row[1] for row in rows[most:])
        rows[most:] = [[f"{len(rows) - most:,} others", others, None, None, None]]
    total = sum(counts.values())
    rows.append(["all", total, *(metrics[f"micro_{name}"] for name in names)])
    if "span_f1" in metrics:
        rows.append(["all, by place", total, *(metrics[f"span_{name}"] for name in names)])
    return ["predicate", "relations", "precision", "recall", "F1"], rows
