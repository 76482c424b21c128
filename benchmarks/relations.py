"""Relations in texts: the methods of the recipe `relations` beside each other.

    python benchmarks/relations.py DATA... [--pretrained FOLDER] [--methods gplinker casrel]

Each DATA is a folder for `hornbook train relations`.  Measured on its test split, or the validation
split where it has none: micro F1 of the triples of subject, predicate and object, each letter by
letter, for all methods by one function.  Triples that are labeled, but not in their text, count as
missed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HORNBOOK_QUIET", "1")

import numpy as np
from results import keep

from hornbook.data.relations.related_data import related_texts
from hornbook.data.relations.related_text import RelatedText
from hornbook.recipes.relations import Relations

MAX_LENGTH = 256
Triples = set[tuple[str, str, str]]


def micro_f1(gold: Sequence[Triples], answers: Sequence[Triples]) -> float:
    """Returns F1 over the triples of all texts; a triple of a text counts once."""
    right = sum(len(a & b) for a, b in zip(gold, answers, strict=True))
    predicted, labeled = sum(map(len, answers)), sum(map(len, gold))
    if not right:
        return 0.0
    precision, recall = right / predicted, right / labeled
    return 2 * precision * recall / (precision + recall)


def triples_of(text: RelatedText) -> Triples:
    """Returns the labeled triples of a text."""
    return {tuple(triple) for triple in text.triples()}


def row_of(text: RelatedText) -> dict[str, Any]:
    """Returns a text as a row in memory, with offsets."""
    relations = [
        {
            "subject": one.subject._asdict(),
            "predicate": one.predicate,
            "object": one.object._asdict(),
        }
        for one in text.relations or ()
    ]
    return {"text": text.text, "relations": relations}


def answers_of(
    train: Sequence[RelatedText],
    measured: Sequence[RelatedText],
    *,
    method: str,
    seed: int,
    **fields: Any,
) -> list[Triples]:
    """Trains a model with a method; returns the triples that it finds in each measured text."""
    relations = Relations(method=method, seed=seed, max_length=MAX_LENGTH, patience=0, **fields)
    data = {"train": [row_of(text) for text in train], "valid": [row_of(text) for text in measured]}
    with tempfile.TemporaryDirectory() as folder:
        relations.fit(data, Path(folder, "run"))
        answers = relations.predict([text.text for text in measured])
    return [
        {
            (one["subject"]["text"], one["predicate"], one["object"]["text"])
            for one in row["relations"]
        }
        for row in answers
    ]


def main() -> None:
    """Runs every method on every set, and keeps the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--pretrained", help="model folder; without it, train from scratch")
    parser.add_argument("--methods", nargs="+", default=["gplinker", "casrel"])
    parser.add_argument("--rows", type=int, help="number of training texts, the first")
    parser.add_argument("--measured-rows", type=int, help="number of measured texts, for a try")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    options = parser.parse_args()
    settings = {
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "learning_rate": options.learning_rate,
        **({"pretrained": options.pretrained} if options.pretrained else {}),
    }
    lines = [
        f"Micro F1, mean of {options.seeds} seeds, and CPU seconds of each; {settings}.",
        "",
        "| set | texts | measured | " + " | ".join(f"{x} | s" for x in options.methods) + " |",
        "|---|---:|---:|" + "---:|" * 2 * len(options.methods),
    ]
    for data in options.data:
        texts = related_texts(data)
        split = "test" if texts.has("test") else "valid"
        train = texts.samples("train")[: options.rows]
        measured = texts.samples(split)[: options.measured_rows]
        gold = [triples_of(text) for text in measured]
        cells = [data.name, f"{len(train):,}", f"{len(measured):,} {split}"]
        for method in options.methods:
            scores, start = [], time.process_time()
            for seed in range(options.seeds):
                answers = answers_of(train, measured, method=method, seed=seed, **settings)
                scores.append(micro_f1(gold, answers))
                print(f"{data.name}  {method}  seed {seed}: {scores[-1]:.4f}", flush=True)
            seconds = (time.process_time() - start) / options.seeds
            cells += [f"{np.mean(scores):.4f} ± {np.std(scores):.4f}", f"{seconds:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    report = "\n".join(lines)
    print(report)
    keep("Relations", report)


if __name__ == "__main__":
    main()
