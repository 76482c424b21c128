"""Kinds of attention on long texts, from scratch: ListOps, and film reviews as bytes.

    python benchmarks/long_texts.py listops --steps 300 --seeds 1 [--keep]
    python benchmarks/long_texts.py imdb --length 1024 --steps 300

ListOps is generated here by the published rules (Nangia and Bowman, arxiv.org/abs/1804.06028):
nested MAX, MIN, MED and SM (sum modulo 10) of digits; the answer is a digit.  Reviews are those of
the folder HORNBOOK_DATA (or ../shared/data).  Small models and few steps: what such a table shows
is how fast each kind begins to learn, and not what it could reach; the published figures of the
Long Range Arena took 5,000 to 20,000 steps and differ by up to 20 points between codes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
from results import keep

from hornbook.layers import MaskedAveragePooling
from hornbook.models.building import make_model
from hornbook.models.families import FAMILIES

KINDS = {
    "full": {},
    "nystrom 64": {"attention": "nystrom", "num_landmarks": 64},
    "performer 128": {"attention": "performer", "random_features": 128},
    "linear": {"attention": "linear"},
    "window 32": {"attention": "window", "window": 32},
    "window-landmarks 32, 32": {
        "attention": "window-landmarks",
        "window": 32,
        "num_landmarks": 32,
    },
}
OPERATIONS = {
    "[MAX": max,
    "[MIN": min,
    "[MED": lambda values: int(np.median(values)),
    "[SM": lambda values: sum(values) % 10,
}
TOKENS = ["", *map(str, range(10)), "]", *OPERATIONS]  # 0 pads


def expression(random, depth: int, most: int) -> tuple[list[str], int]:
    """Tokens and value of an operation on 2 to `most` digits and operations."""
    name = list(OPERATIONS)[random.integers(len(OPERATIONS))]
    tokens, values = [name], []
    for _ in range(random.integers(2, most + 1)):
        if depth > 1 and random.random() < 0.35:
            inner, value = expression(random, depth - 1, most)
        else:
            value = int(random.integers(10))
            inner = [str(value)]
        tokens += inner
        values.append(value)
    return [*tokens, "]"], OPERATIONS[name](values)


def listops(count: int, length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Expressions of half of `length` tokens at least, and their values."""
    random = np.random.default_rng(seed)
    numbers = {token: number for number, token in enumerate(TOKENS)}
    ids, labels = np.zeros((count, length), "int32"), np.zeros(count, "int32")
    for row in range(count):
        while True:
            tokens, labels[row] = expression(random, depth=6, most=6)
            if length // 2 <= len(tokens) <= length:
                break
        ids[row, : len(tokens)] = [numbers[token] for token in tokens]
    return ids, labels


def imdb(split: str, count: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `length` bytes of reviews, and whether they praise."""
    folder = Path(os.environ.get("HORNBOOK_DATA", Path(__file__).parents[2] / "shared" / "data"))
    with gzip.open(folder / "imdb" / f"{split}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    rows = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))[:count]]
    ids = np.zeros((len(rows), length), "int32")
    for row, item in zip(ids, rows, strict=True):
        text = item["text"].encode("utf-8")[:length]
        row[: len(text)] = np.frombuffer(text, "uint8") + 1
    return ids, np.array([int(item["label"]) for item in rows], "int32")


def make(kind: str, vocabulary: int, length: int, classes: int) -> keras.Model:
    """Two layers of 64 features with two heads, and the mean of the tokens to a softmax."""
    config = FAMILIES["bert"].configure(
        vocab_size=vocabulary,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=length,
        attention_probs_dropout_prob=0.0,
        **KINDS[kind],
    )
    ids = keras.Input((length,), dtype="int32")
    real = keras.ops.not_equal(ids, 0)
    x = MaskedAveragePooling()(make_model(config)(ids, padding_mask=real), real)
    model = keras.Model(ids, keras.layers.Dense(classes)(x))
    model.compile(
        keras.optimizers.AdamW(1e-3, weight_decay=0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=("listops", "imdb"))
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--held-out", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(KINDS), help="separated by commas")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    held_out, count = options.held_out, options.steps * options.batch
    if options.task == "listops":
        train = listops(count, options.length, 1)
        valid = listops(held_out, options.length, 2)
        vocabulary, classes = len(TOKENS), 10
    else:
        train = imdb("train", count, options.length)
        valid = imdb("test", held_out, options.length)
        vocabulary, classes = 257, 2
    guess = np.bincount(valid[1]).max() / len(valid[1])
    lines = [
        f"{options.task}, {options.length} tokens, {options.steps} steps of {options.batch}, "
        f"{len(valid[1])} held out, {options.seeds} seed(s), {keras.config.backend()}; the most "
        f"frequent answer has {guess:.3f}.\n",
        "| kind | accuracy | CPU s of training |",
        "|---|---:|---:|",
    ]
    for kind in KINDS:
        if kind.split()[0] not in options.kinds and kind not in options.kinds.split(","):
            continue
        found, seconds = [], []
        for seed in range(options.seeds):
            keras.utils.set_random_seed(seed)
            model = make(kind, vocabulary, options.length, classes)
            start = time.process_time()
            for step in range(options.steps):
                rows = np.arange(step * options.batch, (step + 1) * options.batch)
                rows %= len(train[0])
                model.train_on_batch(train[0][rows], train[1][rows])
            seconds.append(time.process_time() - start)
            logits = model.predict(valid[0], batch_size=32, verbose=0)
            found.append(float((logits.argmax(1) == valid[1]).mean()))
        shown = f"{np.mean(found):.3f}" + (f" ± {np.std(found):.3f}" if len(found) > 1 else "")
        lines.append(f"| {kind} | {shown} | {np.mean(seconds):.0f} |")
        print(lines[-1], flush=True)
    text = "\n".join(lines)
    print(text)
    if options.keep:
        keep("Attention on long texts, from scratch", text)


if __name__ == "__main__":
    main()
