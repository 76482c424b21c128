"""Metrics of a model of events: of arguments, of whole events, and of characters as in DuEE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hornbook.data.events.event_text import TRIGGER, Event, EventText
from hornbook.metrics import precision_recall_f1_of_counts, precision_recall_f1_of_sets
from hornbook.recipes.events.unit_events import Answer, in_characters
from hornbook.recipes.spans.text_windows import Units

FIGURES = ("precision", "recall", "f1")
Outputs = Sequence[tuple[Units, Answer]]


class TypedArgument(NamedTuple):
    """An argument of some event of a type; with places -1 if it is not in the text."""

    type: str
    role: str
    start: int
    end: int
    mention: str


def predicted_events(outputs: Outputs) -> list[set[Event]]:
    """Returns the events of each text, in characters."""
    return [{in_characters(one.event, units) for one in answer.events} for units, answer in outputs]


def typed_arguments(text: str, events: Sequence[Event] | set[Event]) -> set[TypedArgument]:
    """Returns the arguments of events, with those that are not in the text; one of several events
    of a type is there once."""
    arguments = set()
    for event in events:
        for role, start, end in event.arguments:
            arguments.add(TypedArgument(event.type, role, start, end, text[start:end]))
        for role, mention, _ in event.lost:
            arguments.add(TypedArgument(event.type, role, -1, -1, mention))
    return arguments


def event_metrics(
    samples: Sequence[EventText], predictions: Sequence[set[Event]], types: Sequence[str]
) -> dict[str, Any]:
    """Measures the events that a model finds.

    An argument, the trigger included, is right if its event type, role and both borders are those
    of a labeled one of its text; one in several events of a type counts once.  An event is right if
    its type and all of its arguments are.  Labeled arguments that are not in their text are missed,
    and so are their events.

    Args:
        samples: The texts with their events.
        predictions: The events found in each.
        types: The event types of the model; others of the samples are added.

    Returns:
        `precision`, `recall`, `f1` and `arguments` by event type; `micro_precision`,
        `micro_recall` and `micro_f1` of all arguments; `events` and `event_f1` by type,
        `event_micro_precision`, `event_micro_recall` and `event_micro_f1` of whole events;
        `character_f1`, see `character_f1`.
    """
    gold_events = [set(sample.events or ()) for sample in samples]
    gold, found = (
        [typed_arguments(sample.text, events) for sample, events in zip(samples, each, strict=True)]
        for each in (gold_events, predictions)
    )
    every = sorted({*types, *(event.type for events in gold_events for event in events)})
    metrics = precision_recall_f1_of_sets(gold, found, lambda one: one.type, every)
    metrics["arguments"] = metrics.pop("labels")
    whole = precision_recall_f1_of_sets(gold_events, predictions, lambda one: one.type, every)
    metrics |= {"events": whole["labels"], "event_f1": whole["f1"]}
    metrics |= {f"event_micro_{name}": whole[f"micro_{name}"] for name in FIGURES}
    metrics["character_f1"] = character_f1(gold, found)
    return metrics


def with_log_loss(metrics: dict[str, Any], outputs: Outputs) -> dict[str, Any]:
    """Adds `log_loss`, the mean loss of a text."""
    losses = [answer.loss for _, answer in outputs if not np.isnan(answer.loss)]
    return {**metrics, "log_loss": float(np.mean(losses)) if losses else None}


def character_f1(
    labels: Sequence[set[TypedArgument]], predictions: Sequence[set[TypedArgument]]
) -> float:
    """Returns F1 of arguments by the rule of DuEE's contest.

    Triggers and places do not count.  An argument that is found scores the F1 of its characters and
    those of the most similar label of its event type and role; the sum of scores is divided by the
    number of arguments found, and by that of labels.

    Args:
        labels, predictions: The arguments of each text.
    """
    score, counts = 0.0, Counter[str]()
    for gold, found in zip(labels, predictions, strict=True):
        golds, founds = (
            {(one.type, one.role, one.mention) for one in each if one.role != TRIGGER}
            for each in (gold, found)
        )
        counts["labels"] += len(golds)
        counts["predictions"] += len(founds)
        for *kind, mention in founds:
            score += max(
                (_similarity(mention, other) for *own, other in golds if own == kind), default=0.0
            )
    return precision_recall_f1_of_counts(score, counts["predictions"], counts["labels"]).f1


def _similarity(a: str, b: str) -> float:
    """Returns the F1 of the characters of two strings."""
    return 2 * (Counter(a) & Counter(b)).total() / (len(a) + len(b))


def metrics_table(
    metrics: Mapping[str, Any], most: int | None = None
) -> tuple[list[str], list[list[Any]]]:
    """Returns the metrics as columns and rows: a row per event type that is labeled, the most
    frequent first, then all.

    Args:
        metrics: The metrics.
        most: Maximum number of types with a row of their own.  Defaults to all.
    """
    counts, events = metrics["arguments"], metrics["events"]
    rows: list[list[Any]] = [
        [
            kind,
            counts[kind],
            *(metrics[name][kind] for name in FIGURES),
            events[kind],
            metrics["event_f1"][kind],
        ]
        for kind in sorted(counts, key=lambda kind: (-counts[kind], kind))
        if counts[kind]
    ]
    if most is not None and len(rows) > most:
        others = [sum(row[column] for row in rows[most:]) for column in (1, 5)]
        name = f"{len(rows) - most:,} others"
        rows[most:] = [[name, others[0], None, None, None, others[1], None]]
    micro = [metrics[f"micro_{name}"] for name in FIGURES]
    whole = [sum(events.values()), metrics["event_micro_f1"]]
    rows.append(["all", sum(counts.values()), *micro, *whole])
    columns = ["type", "arguments", "precision", "recall", "F1", "events", "F1 of events"]
    return columns, rows
