"""Speed of the heads of the recipe `tagging`, compared with transformers and pytorch-crf.

    KERAS_BACKEND=torch python benchmarks/heads.py --pretrained FOLDER [--lengths 128 512]

Training: CPU seconds of a step of the recipe's own network with `--rows` texts of as many tokens,
and of token classification of transformers from the same weights with the same tokens, with a
softmax or with `CRF` of pytorch-crf on top, and AdamW.  Prediction: CPU seconds of the recipe's
`predict` of the same texts, from strings to entities with offsets and probabilities, and of
transformers from strings, cut into the same tokens by the same function, to the best tags.  The
contenders alternate; the least of the rounds counts.  What a head adds to the encoder is the
difference to the softmax.

Needs `pip install pytorch-crf transformers torch`.
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

from hornbook.recipes.tagging import Tagging

TYPES = ("person", "place", "company", "book", "game", "film", "title")
TAGS = ["O", *(f"{prefix}-{kind}" for kind in TYPES for prefix in "BI")]
MAX_LENGTH = 512
CHARACTERS = (
    "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可"
)
Contender = tuple[Callable[[], Any], Callable[[], Any]]  # a training step, a prediction


def rows_of(number: int, characters: int, seed: int = 0) -> list[dict[str, Any]]:
    """Returns texts of random frequent characters with an entity in each ten of them."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(number):
        text = "".join(random.choice(list(CHARACTERS), characters))
        entities = [
            [start, start + 3, TYPES[start // 10 % len(TYPES)]]
            for start in range(0, characters - 10, 10)
        ]
        rows.append({"text": text, "entities": entities})
    return rows


def hornbook(rows: Sequence[dict[str, Any]], *, head: str, pretrained: str) -> Contender:
    recipe = Tagging(
        head=head,
        pretrained=pretrained,
        batch_size=len(rows),
        max_length=MAX_LENGTH,
        epochs=1,
        min_steps_per_epoch=1,
    )
    with tempfile.TemporaryDirectory() as folder:
        recipe.fit([*rows, *rows_of(2, 100, seed=1)], Path(folder, "run"))
    columns = recipe.columns(list(map(recipe.as_sample, rows, range(len(rows)))), {})
    [batch] = recipe.pass_batches(columns, 0)
    inputs, labels, weights = batch.arrays()
    texts = [row["text"] for row in rows]
    return (
        lambda: float(recipe.model.train_on_batch(inputs, labels, sample_weight=weights)),
        lambda: recipe.predict(texts),
    )


def transformers(rows: Sequence[dict[str, Any]], *, crf: bool, pretrained: str) -> Contender:
    import torch
    from transformers import AutoModelForTokenClassification

    from hornbook import load
    from hornbook.data.entities.tagged_text import TaggedText
    from hornbook.recipes.spans.unit_reader import UnitReader

    reader = UnitReader(load(pretrained).require_tokenizer(), MAX_LENGTH)
    texts = [TaggedText(row["text"], None, "") for row in rows]
    model = AutoModelForTokenClassification.from_pretrained(pretrained, num_labels=len(TAGS))
    model.float()
    parameters = list(model.parameters())
    if crf:
        from torchcrf import CRF

        chain = CRF(len(TAGS), batch_first=True)
        parameters += chain.parameters()
    optimizer = torch.optim.AdamW(parameters, lr=1e-5)

    def encoded() -> tuple[dict[str, Any], list[list[int]]]:
        columns = reader.columns(reader.windows(reader.units(texts)))
        lists = [[torch.tensor(x) for x in columns[name]] for name in ("token_ids", "padding_mask")]
        ids, mask = (torch.nn.utils.rnn.pad_sequence(x, batch_first=True) for x in lists)
        return {"input_ids": ids, "attention_mask": mask}, columns["unit_index"]

    inputs, firsts = encoded()
    tags = torch.zeros(inputs["input_ids"].shape, dtype=torch.long)
    for number, row in enumerate(rows):
        for start, end, kind in row["entities"]:
            tags[number, firsts[number][start]] = TAGS.index(f"B-{kind}")
            for unit in range(start + 1, end):
                tags[number, firsts[number][unit]] = TAGS.index(f"I-{kind}")

    def step() -> float:
        model.train()
        if crf:
            mask = inputs["attention_mask"].bool()
            loss = -chain(model(**inputs).logits, tags, mask=mask, reduction="mean")
        else:
            loss = model(**inputs, labels=tags).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return float(loss.detach())

    def predict() -> Any:
        model.eval()
        with torch.inference_mode():
            inputs, _ = encoded()
            logits = model(**inputs).logits
            if crf:
                return chain.decode(logits, mask=inputs["attention_mask"].bool())
            return logits.argmax(-1).tolist()

    return step, predict


def smallest(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Returns the least CPU seconds of each call; the first round does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            start = time.process_time()
            call()
            seconds[name].append(time.process_time() - start)
    return {name: min(values[1:]) for name, values in seconds.items()}


def main() -> None:
    """Measures every contender at every length, and keeps the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pretrained", required=True, help="model folder")
    parser.add_argument("--lengths", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--rows", type=int, default=8, help="texts per step")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    import keras

    heads = ("softmax", "crf", "memm", "pointer")
    contenders = {
        "transformers": partial(transformers, crf=False),
        "transformers, pytorch-crf": partial(transformers, crf=True),
        **{f"hornbook, {head}": partial(hornbook, head=head) for head in heads},
    }
    lines = [
        f"{options.rows} texts per step, Keras on {keras.config.backend()}, CPU seconds.",
        "",
        "| tokens | work | " + " | ".join(contenders) + " |",
        "|---:|---|" + "---:|" * len(contenders),
    ]
    for length in options.lengths:
        rows = rows_of(options.rows, length - 3)  # and three special tokens
        calls = {
            name: contender(rows, pretrained=options.pretrained)
            for name, contender in contenders.items()
        }
        for number, work in enumerate(("training step", "prediction")):
            seconds = smallest({name: pair[number] for name, pair in calls.items()}, options.rounds)
            cells = " | ".join(f"{value:.3f}" for value in seconds.values())
            lines.append(f"| {length} | {work} | {cells} |")
            print(lines[-1], flush=True)
    report = "\n".join(lines)
    print(report)
    keep("Heads of tagging", report)


if __name__ == "__main__":
    main()
