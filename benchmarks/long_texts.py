"""Kinds of attention on long texts, from scratch: ListOps, and film reviews as bytes.

    python benchmarks/long_texts.py listops --length 256 --batch 32 --steps 1000 --seeds 3
    python benchmarks/long_texts.py imdb --length 1024 --batch 16 --steps 600 --seeds 3 [--keep]

Each run of a kind and a seed is added to the file of `--runs`, and not repeated: so the benchmark
can be interrupted at any time, and the table has all finished runs.

ListOps is generated here by the published rules (Nangia and Bowman, arxiv.org/abs/1804.06028):
nested MAX, MIN, MED and SM (sum modulo 10) of digits; the answer is a digit.  Reviews are those of
the folder HORNBOOK_DATA (or ../shared/data).  Small models and few steps: the table shows
how fast each kind learns at first, not its final accuracy; the published results of the
Long Range Arena took 5,000 to 20,000 steps and differ by up to 20 points between implementations.
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
    "window_landmarks 32, 32": {
        "attention": "window_landmarks",
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
    """Returns tokens and value of an operation on 2 to `most` digits and operations."""
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
    """Returns expressions of at least half of `length` tokens, and their values."""
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
    """Returns the first `length` bytes of reviews, and whether they are positive."""
    folder = Path(os.environ.get("HORNBOOK_DATA", Path(__file__).parents[2] / "shared" / "data"))
    with gzip.open(folder / "imdb" / f"{split}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    rows = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))[:count]]
    ids = np.zeros((len(rows), length), "int32")
    for row, item in zip(ids, rows, strict=True):
        text = item["text"].encode("utf-8")[:length]
        row[: len(text)] = np.frombuffer(text, "uint8") + 1
    return ids, np.array([int(item["label"]) for item in rows], "int32")


def make(kind: str, vocabulary: int, length: int, classes: int, steps: int) -> keras.Model:
    """Returns a model: two layers of 64 features with two heads, mean pooling, softmax."""
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
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // 10, warmup_target=1e-3, warmup_steps=steps // 10
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def run(kind: str, seed: int, train, valid, sizes: tuple[int, int], options) -> dict:
    """Trains one model; returns its held-out accuracy and CPU seconds."""
    keras.utils.set_random_seed(seed)
    vocabulary, classes = sizes
    model = make(kind, vocabulary, options.length, classes, options.steps)
    order = np.random.default_rng(seed).permutation(len(train[0]))
    order = np.resize(order, options.steps * options.batch)
    start = time.process_time()
    for rows in np.split(order, options.steps):
        loss = float(model.train_on_batch(train[0][rows], train[1][rows]))
    seconds = time.process_time() - start
    logits = model.predict(valid[0], batch_size=32, verbose=0)
    accuracy = float((logits.argmax(1) == valid[1]).mean())
    return {"accuracy": accuracy, "seconds": seconds, "last_loss": loss}


def table(options, runs: list[dict], guess: float) -> str:
    """Returns mean and standard deviation over the seeds of each kind."""
    lines = [
        f"{options.task}, {options.length} tokens, {options.steps} steps of {options.batch}, "
        f"{options.held_out} held out, {keras.config.backend()}; the most frequent answer has "
        f"{guess:.3f}.\n",
        "| kind | seeds | accuracy | deviation | CPU s of training |",
        "|---|---:|---:|---:|---:|",
    ]
    for kind in KINDS:
        mine = [run for run in runs if run["kind"] == kind]
        if mine:
            accuracy = [run["accuracy"] for run in mine]
            spread = f"{np.std(accuracy, ddof=1):.3f}" if len(mine) > 1 else ""
            seconds = np.mean([run["seconds"] for run in mine])
            lines.append(
                f"| {kind} | {len(mine)} | {np.mean(accuracy):.3f} | {spread} | {seconds:,.0f} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=("listops", "imdb"))
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--held-out", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--kinds", default=",".join(KINDS), help="comma-separated names (default: all)"
    )
    parser.add_argument("--runs", type=Path, default=Path("long_texts.jsonl"))
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    what = ("task", "length", "steps", "batch", "held_out")
    setting = {name: getattr(options, name) for name in what}
    setting["backend"] = keras.config.backend()
    done = []
    if options.runs.exists():
        every = [json.loads(line) for line in options.runs.read_text("utf-8").splitlines()]
        done = [run for run in every if setting.items() <= run.items()]
    if options.task == "listops":
        train = listops(options.steps * options.batch, options.length, 1)
        valid = listops(options.held_out, options.length, 2)
        sizes = len(TOKENS), 10
    else:
        train = imdb("train", options.steps * options.batch, options.length)
        valid = imdb("test", options.held_out, options.length)
        sizes = 257, 2
    wanted = {kind.split()[0] for kind in options.kinds.split(",")}
    for seed in range(options.seeds):
        for kind in KINDS:
            which = {"kind": kind, "seed": seed}
            if kind.split()[0] not in wanted or any(which.items() <= run.items() for run in done):
                continue
            found = setting | which | run(kind, seed, train, valid, sizes, options)
            done.append(found)
            with options.runs.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
            print(f"{kind}, seed {seed}: {found['accuracy']:.3f}", flush=True)
    text = table(options, done, np.bincount(valid[1]).max() / len(valid[1]))
    print(text)
    if options.keep:
        keep("Attention on long texts, from scratch", text)


if __name__ == "__main__":
    main()
