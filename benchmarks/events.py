"""Events: the recipe `events` compared with one CRF per role.

    python benchmarks/events.py DATA [--pretrained FOLDER] [--seeds 1] [--epochs 10] [--rows N]
        [--contenders "hornbook" "linear CRFs" "CRFs"]

DATA is a folder for `hornbook train events`.  Measured on its test split, or the validation split
where it has none, for all contenders by one function: micro F1 of arguments with exact event type,
role and borders, of whole events, and of characters by the rule of DuEE's contest.  The peers have
a model of BIOES tags for each event type and role, triggers included, each of which trains on all
texts:

- linear CRFs (`python-crfsuite`) of the units around each unit, and their pairs, as in
  `extraction.py`;
- CRFs on an encoder each (the recipe `tagging`), from the same weights and with the same epochs,
  batch size and learning rate.  This takes as many trainings as there are roles, 39 for FewFC.

Tags say nothing of events: the arguments of an event type go to the nearest trigger of that type,
each trigger being an event; without a trigger they are one event.

Needs `pip install python-crfsuite` for the linear CRFs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("HORNBOOK_QUIET", "1")

import numpy as np
from extraction import linear_crf
from results import keep

from hornbook.data.entities.tagged_text import Entity, TaggedText, overlapping
from hornbook.data.events.event_data import texts_with_events
from hornbook.data.events.event_text import TRIGGER, Argument, Event, EventText
from hornbook.errors import DataError
from hornbook.recipes.events import Events
from hornbook.recipes.events.event_scores import event_metrics
from hornbook.recipes.events.event_types import roles_of
from hornbook.recipes.tagging import Tagging

Texts = Sequence[EventText]
FIGURES = ("micro_f1", "event_micro_f1", "character_f1")
MAX_LENGTH = 256
ROLE = "role"  # the type of all entities of a model


def hornbook(train: Texts, measured: Texts, *, seed: int, **fields: Any) -> list[set[Event]]:
    """The recipe; it holds out a tenth of the training texts to choose the epoch."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = Events(seed=seed, max_length=MAX_LENGTH, patience=0, **fields)
        recipe.fit([row_of(one) for one in train], Path(folder, "run"))
        answers = recipe.predict([text.text for text in measured])
    return [{event_of(one) for one in answer["events"]} for answer in answers]


def row_of(text: EventText) -> dict[str, Any]:
    """Returns a row as the recipe reads it."""
    events = [
        {
            "type": event.type,
            "arguments": [
                {"role": role, "start": start, "end": end} for role, start, end in event.arguments
            ],
        }
        for event in text.events or ()
        if event.arguments
    ]
    return {"text": text.text, "events": events}


def event_of(answer: dict[str, Any]) -> Event:
    """Returns an event of an answer of the recipe."""
    arguments = [Argument(one["role"], one["start"], one["end"]) for one in answer["arguments"]]
    if trigger := answer.get("trigger"):
        arguments.append(Argument(TRIGGER, trigger["start"], trigger["end"]))
    return Event(answer["type"], tuple(sorted(arguments)))


def one_model_per_role(
    train: Texts,
    measured: Texts,
    *,
    seed: int,
    tagger: Callable[..., list[set[Entity]]],
) -> list[set[Event]]:
    """Finds the arguments of each event type and role by a model of its own."""
    found: list[dict[str, set[Argument]]] = [{} for _ in measured]
    for kind, roles in roles_of(train).items():
        for role in roles:
            start = time.process_time()
            tagged = [with_role(text, kind, role) for text in train]
            plain = [TaggedText(text.text, None, text.where) for text in measured]
            answers = tagger(tagged, plain, seed=seed)
            for of_text, entities in zip(found, answers, strict=True):
                places = {Argument(role, one.start, one.end) for one in entities}
                of_text.setdefault(kind, set()).update(places)
            seconds = time.process_time() - start
            print(f"  {kind} / {role}: {sum(map(len, answers)):,} in {seconds:.0f} s", flush=True)
    return [
        {event for kind, arguments in of_text.items() for event in nearest(kind, arguments)}
        for of_text in found
    ]


def with_role(text: EventText, kind: str, role: str) -> TaggedText:
    """Returns a text with the arguments of one role as entities; of two that overlap, which tags
    cannot represent, the first."""
    places = sorted(
        {
            Entity(one.start, one.end, ROLE)
            for event in text.events or ()
            if event.type == kind
            for one in event.arguments
            if one.role == role
        }
    )
    while pair := overlapping(tuple(places)):
        places.remove(pair[1])
    return TaggedText(text.text, tuple(places), text.where)


def nearest(kind: str, arguments: set[Argument]) -> list[Event]:
    """Returns an event per trigger with the arguments that are nearest to it; one event without a
    trigger."""
    triggers = sorted(one for one in arguments if one.role == TRIGGER)
    if not triggers:
        return [Event(kind, tuple(sorted(arguments)))] if arguments else []
    groups: dict[Argument, set[Argument]] = {trigger: {trigger} for trigger in triggers}
    for one in arguments.difference(triggers):
        distances = [max(0, one.start - t.end, t.start - one.end) for t in triggers]
        groups[triggers[int(np.argmin(distances))]].add(one)
    return [Event(kind, tuple(sorted(group))) for group in groups.values()]


def linear(train: Sequence[TaggedText], measured: Sequence[TaggedText], *, seed: int) -> Any:
    """A linear CRF."""
    return linear_crf(train, measured, data=Path(), seed=seed)


def encoder_crf(
    train: Sequence[TaggedText], measured: Sequence[TaggedText], *, seed: int, **fields: Any
) -> list[set[Entity]]:
    """A CRF on an encoder; it holds out a tenth of the training texts to choose the epoch."""
    rows = [
        {"text": text.text, "entities": [list(one) for one in text.entities or ()]}
        for text in train
    ]
    with tempfile.TemporaryDirectory() as folder:
        tagging = Tagging(seed=seed, max_length=MAX_LENGTH, patience=0, **fields)
        try:
            tagging.fit(rows, Path(folder, "run"))
        except DataError as error:  # the role is in one text, which is held out
            print(f"  {error}")
            return [set() for _ in measured]
        answers = tagging.predict([text.text for text in measured])
    return [
        {Entity(one["start"], one["end"], one["type"]) for one in answer["entities"]}
        for answer in answers
    ]


def main() -> None:
    """Runs every contender, and keeps the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--pretrained", help="model folder; without it, train from scratch")
    parser.add_argument("--contenders", nargs="+", default=["hornbook", "linear CRFs"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--rows", type=int, help="number of training texts; defaults to all")
    options = parser.parse_args()
    settings = {
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "learning_rate": options.learning_rate,
    }
    if options.pretrained:
        settings["pretrained"] = options.pretrained
    contenders: dict[str, Callable[..., list[set[Event]]]] = {
        "hornbook": partial(hornbook, **settings),
        "linear CRFs": partial(one_model_per_role, tagger=linear),
        "CRFs": partial(one_model_per_role, tagger=partial(encoder_crf, **settings)),
    }
    data = texts_with_events(options.data)
    split = "test" if data.has("test") else "valid"
    train, measured = data.samples("train")[: options.rows], data.samples(split)
    lines = [
        f"{options.data.name}: {len(train):,} training texts, {len(measured):,} {split} texts; "
        f"F1, mean of the seeds, and CPU seconds of each; {settings}.",
        "",
        "| contender | seeds | arguments | events | characters | s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in options.contenders:
        seeds = 1 if name == "linear CRFs" else options.seeds  # they do not depend on it
        scores, start = [], time.process_time()
        for seed in range(seeds):
            metrics = event_metrics(measured, contenders[name](train, measured, seed=seed), [])
            scores.append([metrics[figure] for figure in FIGURES])
            print(f"{name}  seed {seed}: {dict(zip(FIGURES, scores[-1], strict=True))}", flush=True)
        seconds = (time.process_time() - start) / seeds
        means, deviations = np.mean(scores, axis=0), np.std(scores, axis=0)
        cells = [f"{a:.4f} ± {b:.4f}" for a, b in zip(means, deviations, strict=True)]
        lines.append(f"| {name} | {seeds} | {' | '.join(cells)} | {seconds:.0f} |")
    report = "\n".join(lines)
    print(report)
    keep("Events", report)


if __name__ == "__main__":
    main()
