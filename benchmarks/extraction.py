"""Named entities and words: the recipe `tagging` compared with a linear CRF and transformers.

    python benchmarks/extraction.py DATA... [--pretrained FOLDER] [--heads crf pointer] [--seeds 1]

Each DATA is a folder for `hornbook train tagging`.  Measured on its test split, or the validation
split where it has none: micro F1 of entities with exact borders and type, as in seqeval's strict
mode, for all contenders by one function.  The peers:

- a linear CRF (`python-crfsuite`) of the units around each unit, and their pairs;
- token classification of transformers from the same weights: the same tokens, batch size, epochs
  and learning rate, BIO tags on the first token of each unit, no CRF.

Needs `pip install python-crfsuite transformers torch`.
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
from results import keep

from hornbook.data.entities.tag_schemes import OUTSIDE, bioes, parse_tag, spans_of
from hornbook.data.entities.tagged_data import tagged_texts
from hornbook.data.entities.tagged_text import Entity, TaggedText
from hornbook.data.entities.units import unit_spans
from hornbook.recipes.tagging import Tagging

Answers = list[set[Entity]]
MAX_LENGTH = 256


def splits_of(data: Path) -> tuple[list[TaggedText], list[TaggedText], str]:
    """Returns training and measured texts, and the name of the split that is measured."""
    texts = tagged_texts(data)
    split = "test" if texts.has("test") else "valid"
    return texts.samples("train"), texts.samples(split), split


def micro_f1(texts: Sequence[TaggedText], answers: Answers) -> float:
    """Returns F1 over all entities, each with exact borders and type."""
    gold = [set(text.entities or ()) for text in texts]
    right = sum(len(a & b) for a, b in zip(gold, answers, strict=True))
    return 2 * right / max(sum(map(len, gold)) + sum(map(len, answers)), 1)


def tagged_units(text: TaggedText) -> tuple[list[str], list[str]]:
    """Returns the units of a text and their BIOES tags; entities that cut a unit are left out."""
    spans = unit_spans(text.text)
    starts = {start: index for index, (start, _) in enumerate(spans)}
    ends = {end: index for index, (_, end) in enumerate(spans)}
    inside = [
        (starts[one.start], ends[one.end], one.type)
        for one in text.entities or ()
        if one.start in starts and one.end in ends
    ]
    return [text.text[a:b] for a, b in spans], bioes(len(spans), inside)


def entities_of(text: TaggedText, tags: Sequence[str], scheme: str) -> set[Entity]:
    """Returns the entities that tags of the units of a text say."""
    spans = unit_spans(text.text)[: len(tags)]
    found, _ = spans_of([parse_tag(tag) for tag in tags], scheme)
    return {Entity(spans[first][0], spans[last][1], kind) for first, last, kind in found}


def hornbook(
    train: Sequence[TaggedText],
    measured: Sequence[TaggedText],
    *,
    data: Path,
    seed: int,
    **fields: Any,
) -> Answers:
    with tempfile.TemporaryDirectory() as folder:
        tagging = Tagging(seed=seed, max_length=MAX_LENGTH, patience=0, **fields)
        tagging.fit(data, Path(folder, "run"))
        answers = tagging.predict([text.text for text in measured])
    if tagging.words:
        return [_words(answer["words"]) for answer in answers]
    return [
        {Entity(one["start"], one["end"], one["type"]) for one in answer["entities"]}
        for answer in answers
    ]


def _words(words: Sequence[str]) -> set[Entity]:
    ends = np.cumsum([len(word) for word in words]).tolist()
    return {Entity(end - len(word), end, "word") for word, end in zip(words, ends, strict=True)}


def linear_crf(
    train: Sequence[TaggedText], measured: Sequence[TaggedText], *, data: Path, seed: int
) -> Answers:
    """A linear CRF of units two to each side, their pairs, affixes and case."""
    import pycrfsuite

    choices = {"c1": 0.1, "c2": 0.1, "max_iterations": 100}
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=choices, verbose=False)
    for units, tags in map(tagged_units, train):
        trainer.append(_features(units), tags)
    tagger = pycrfsuite.Tagger()
    with tempfile.TemporaryDirectory() as folder:
        trainer.train(f"{folder}/crf")
        tagger.open(f"{folder}/crf")
        rows = [tagger.tag(_features(tagged_units(text)[0])) for text in measured]
    return [entities_of(text, row, "BIOES") for text, row in zip(measured, rows, strict=True)]


def _features(units: Sequence[str]) -> list[dict[str, Any]]:
    padded = ["<", "<", *units, ">", ">"]
    rows = []
    for index, unit in enumerate(units):
        around = padded[index : index + 5]
        row: dict[str, Any] = {f"u{n}": one.lower() for n, one in enumerate(around)}
        row |= {f"p{n}": around[n] + around[n + 1] for n in range(4)}
        row |= {"title": unit.istitle(), "upper": unit.isupper(), "digit": unit.isdigit()}
        row |= {"suffix": unit[-3:], "prefix": unit[:3]}
        rows.append(row)
    return rows


def transformers(
    train: Sequence[TaggedText],
    measured: Sequence[TaggedText],
    *,
    data: Path,
    seed: int,
    pretrained: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
) -> Answers:
    """Token classification with AdamW, linear warm-up and decay; the same tokens as ours."""
    import torch
    from transformers import AutoModelForTokenClassification, get_linear_schedule_with_warmup

    import hornbook
    from hornbook.recipes.spans.text_windows import Window
    from hornbook.recipes.spans.unit_reader import UnitReader

    torch.manual_seed(seed)
    reader = UnitReader(hornbook.load(pretrained).require_tokenizer(), MAX_LENGTH)
    rows = [tagged_units(text)[1] for text in train]
    names = [OUTSIDE, *sorted({_bio(tag) for tags in rows for tag in tags} - {OUTSIDE})]
    model = AutoModelForTokenClassification.from_pretrained(pretrained, num_labels=len(names))
    model.float()
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)
    random = np.random.default_rng(seed)

    def inputs(part: list[Window]) -> tuple[Any, list[list[int]]]:
        columns = reader.columns(part)
        lists = [[torch.tensor(x) for x in columns[name]] for name in ("token_ids", "padding_mask")]
        ids, mask = (torch.nn.utils.rnn.pad_sequence(x, batch_first=True) for x in lists)
        return {"input_ids": ids, "attention_mask": mask}, columns["unit_index"]

    def batches(windows: Sequence[Window]) -> list[list[Window]]:
        return [list(windows[i : i + batch_size]) for i in range(0, len(windows), batch_size)]

    windows = reader.windows(reader.units(train))
    steps = epochs * len(batches(windows))
    schedule = get_linear_schedule_with_warmup(optimizer, steps // 10, steps)
    model.train()
    for _ in range(epochs):
        mixed = [windows[n] for n in random.permutation(len(windows))]
        parts = batches(sorted(mixed, key=lambda one: (one.last - one.first) // 16))
        for part in (parts[n] for n in random.permutation(len(parts))):
            arrays, firsts = inputs(part)
            labels = torch.full(arrays["input_ids"].shape, -100)
            for row, (window, places) in enumerate(zip(part, firsts, strict=True)):
                tags = rows[window.sample][window.first : window.last]
                labels[row, places] = torch.tensor([names.index(_bio(tag)) for tag in tags])
            model(**arrays, labels=labels).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    model.eval()
    found: list[list[str]] = [[OUTSIDE] * len(unit_spans(text.text)) for text in measured]
    for part in batches(reader.windows(reader.units(measured))):
        arrays, firsts = inputs(part)
        with torch.no_grad():
            best = model(**arrays).logits.argmax(-1)
        for row, (window, places) in enumerate(zip(part, firsts, strict=True)):
            found[window.sample][window.first : window.last] = [
                names[int(best[row, place])] for place in places
            ]
    return [entities_of(text, tags, "BIO") for text, tags in zip(measured, found, strict=True)]


def _bio(tag: str) -> str:
    prefix, kind = parse_tag(tag)
    return OUTSIDE if prefix == OUTSIDE else f"{'B' if prefix in 'BS' else 'I'}-{kind}"


def main() -> None:
    """Runs every contender on every set, and keeps the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--pretrained", help="model folder; without it, train from scratch")
    parser.add_argument("--heads", nargs="+", default=["crf"])
    parser.add_argument("--without", nargs="*", default=[], help="peers to leave out")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    options = parser.parse_args()
    settings = {
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "learning_rate": options.learning_rate,
    }
    contenders: dict[str, Callable[..., Answers]] = {"linear CRF": linear_crf}
    if options.pretrained:
        settings["pretrained"] = options.pretrained
        contenders["transformers"] = partial(transformers, **settings)
    for head in options.heads:
        contenders[f"hornbook, {head}"] = partial(hornbook, head=head, **settings)
    contenders = {name: run for name, run in contenders.items() if name not in options.without}
    lines = [
        f"Micro F1, mean of {options.seeds} seeds, and CPU seconds of each; {settings}.",
        "",
        "| set | texts | measured | " + " | ".join(f"{name} | s" for name in contenders) + " |",
        "|---|---:|---:|" + "---:|" * 2 * len(contenders),
    ]
    for data in options.data:
        train, measured, split = splits_of(data)
        cells = [data.name, f"{len(train):,}", f"{len(measured):,} {split}"]
        for name, contender in contenders.items():
            scores, start = [], time.process_time()
            for seed in range(options.seeds):
                answers = contender(train, measured, data=data, seed=seed)
                scores.append(micro_f1(measured, answers))
                print(f"{data.name}  {name}  seed {seed}: {scores[-1]:.4f}", flush=True)
            seconds = (time.process_time() - start) / options.seeds
            cells += [f"{np.mean(scores):.4f} ± {np.std(scores):.4f}", f"{seconds:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    report = "\n".join(lines)
    print(report)
    keep("Named entities", report)


if __name__ == "__main__":
    main()
