"""Compares captcha readers: ours, the 2017 recipe, Keras's example, ddddocr.

    python benchmarks/captchas.py generated WORK [--count 45000] [--epochs 3]
    python benchmarks/captchas.py real WORK FOLDER... [--folds 0,1,2,3,4]
    python benchmarks/captchas.py speed WORK --run RUN
    python benchmarks/captchas.py table WORK

WORK keeps images, runs, and `results.jsonl`, to which each reader adds a line; what has one is
not done again, and `table` writes what is there into RESULTS.md.  `generated` draws images of
the `captcha` package, 160 x 60, four characters of digits and lower case, with other seeds for
testing than for training; `real` cuts each folder into five folds, tests on one and learns from
the others.  --readers says who reads.  The budget is CPU seconds: ours comes first, and the others
may train as long as it took, start and checking included; --times gives them more.  --ddddocr
PYTHON names the interpreter of an environment that has it, and is read as it comes.

Labels may be wrong.  A `corrections.json` in WORK, `{set: {file: text}}`, says what a person has
seen in images; `table` then also counts by these.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("HORNBOOK_QUIET", "1")

import keras
import numpy as np
from keras import layers, ops
from results import keep

import hornbook  # noqa: F401 - chooses the backend
from hornbook.data.captchas.labeled_images import Captcha, find_alphabet, label_of, read_captchas
from hornbook.data.captchas.making import Order, make_captchas
from hornbook.data.images.decoded_batches import shuffled_batches
from hornbook.data.images.decoding import read_image
from hornbook.data.images.distortion import resized
from hornbook.data.images.pixels import Pixels
from hornbook.data.seeding import random_of
from hornbook.recipes.captcha import CaptchaReading

FOLDS = 5
CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Ours:
    """The recipe with its defaults; a twentieth of its images selects the epoch."""

    name = "hornbook, compact"

    def __init__(self, options):
        self.work, self.epochs = options.work, options.epochs

    def fit(self, captchas: list[Captcha], seconds: float) -> None:
        number = 0
        while (data := self.work / f"ours-{number}").exists():
            number += 1
        for place, captcha in enumerate(captchas):
            folder = data / ("valid" if place % 20 == 0 else "train")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / captcha.path.name).symlink_to(captcha.path.resolve())
        self.reader = CaptchaReading(epochs=self.epochs).fit(data, data / "run")
        self.model = self.reader.model

    def read(self, paths: list[Path]) -> list[str]:
        return [answer["text"] for answer in self.reader.predict(paths)]


class Trained:
    """Base of the two trained peers: Adam with Keras's defaults, until the time is over."""

    name: str
    size: tuple[int, int]
    batch = 32

    def __init__(self, options):
        pass

    def fit(self, captchas: list[Captcha], seconds: float) -> None:
        if not seconds:
            raise SystemExit("Ours has no line of these images yet, so there is no budget.")
        started = time.process_time()
        keras.utils.set_random_seed(0)
        self.alphabet = find_alphabet(captchas)
        pixels = Pixels([one.path for one in captchas], self.prepared)
        labels = np.array(
            [[self.alphabet.characters.index(x) for x in one.label] for one in captchas]
        )
        self.model = self.build()
        for epoch in range(10_000):
            for numbers in shuffled_batches(len(captchas), self.batch, seed=0, epoch=epoch):
                rows = np.resize(numbers, self.batch)
                self.step(np.stack([pixels[row] for row in rows.tolist()]), labels[rows])
                if time.process_time() - started > seconds:
                    return

    def prepared(self, image) -> np.ndarray:
        return resized(image, self.size)

    def step(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.model.train_on_batch(images, labels)

    def outputs(self, paths: list[Path]) -> np.ndarray:
        images = np.stack([self.prepared(read_image(path)) for path in paths])
        return np.asarray(self.model.predict(images, batch_size=128, verbose=0))

    def build(self) -> keras.Model:
        raise NotImplementedError


class FourHeads(Trained):
    """The recipe of 2017: Xception, average pooling, one softmax per character, dropout 0.5."""

    name = "Xception with four heads (2017), random start"
    size = (120, 50)
    batch = 100

    def build(self) -> keras.Model:
        pixels = keras.Input((50, 120, 3))
        trunk = keras.applications.Xception(
            include_top=False, weights=None, input_shape=(None, None, 3), pooling="avg"
        )
        x = trunk(layers.Rescaling(1 / 127.5, offset=-1)(pixels))
        x = layers.Dropout(0.5)(x)
        heads = [
            layers.Dense(len(self.alphabet.characters), activation="softmax")(x)
            for _ in range(self.alphabet.longest)
        ]
        model = keras.Model(pixels, ops.stack(heads, axis=1))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    def read(self, paths: list[Path]) -> list[str]:
        best = self.outputs(paths).argmax(axis=-1)
        return ["".join(self.alphabet.characters[x] for x in row) for row in best]


class KerasExample(Trained):
    """The network of Keras's captcha example: two convolutions, two bidirectional LSTMs, CTC."""

    name = "Keras OCR example, CNN-LSTM-CTC"
    size = (200, 50)
    batch = 16

    def build(self) -> keras.Model:
        pixels = keras.Input((50, 200, 1))
        x = layers.Permute((2, 1, 3))(layers.Rescaling(1 / 255)(pixels))
        for filters in (32, 64):
            x = layers.Conv2D(
                filters, 3, padding="same", activation="relu", kernel_initializer="he_normal"
            )(x)
            x = layers.MaxPooling2D(2)(x)
        x = layers.Reshape((50, 12 * 64))(x)
        x = layers.Dropout(0.2)(layers.Dense(64, activation="relu")(x))
        for units in (128, 64):
            x = layers.Bidirectional(layers.LSTM(units, return_sequences=True, dropout=0.25))(x)
        model = keras.Model(pixels, layers.Dense(1 + len(self.alphabet.characters))(x))
        model.compile("adam", keras.losses.CTC())
        return model

    def prepared(self, image) -> np.ndarray:
        return resized(image.convert("L"), self.size)[..., None]

    def step(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.model.train_on_batch(images, labels + 1)

    def read(self, paths: list[Path]) -> list[str]:
        texts = []
        for row in self.outputs(paths).argmax(axis=-1):
            new = row[(row != 0) & np.append(True, row[1:] != row[:-1])]
            texts.append("".join(self.alphabet.characters[x - 1] for x in new))
        return texts


READERS = {"ours": Ours, "xception": FourHeads, "example": KerasExample}

DDDDOCR = """
import json, sys, time, ddddocr
reader = ddddocr.DdddOcr(show_ad=False)
files = [(path, open(path, "rb").read()) for path in json.load(sys.stdin)]
reader.classification(files[0][1])
start = time.process_time()
texts = [reader.classification(data) for _, data in files]
json.dump([texts, (time.process_time() - start) / len(files)], sys.stdout)
"""


def ddddocr(python: str, paths: list[Path]) -> tuple[list[str], float]:
    """Returns the readings of ddddocr, not trained further, and its CPU seconds per image."""
    names = json.dumps(list(map(str, paths)))
    found = subprocess.run(
        [python, "-c", DDDDOCR], input=names, capture_output=True, text=True, check=True
    )
    return json.loads(found.stdout[found.stdout.index("[[") :])


def contest(options, what: str, fold: int, train: list[Captcha], test: list[Captcha]) -> None:
    """Trains and tests the readers that have no line yet, and adds one line each."""
    paths = [one.path for one in test]
    for word in options.readers.split(","):
        known = {(row["reader"], row["what"], row["fold"]): row for row in rows_of(options.work)}
        more = "" if options.times == 1 else f", {options.times:g} times the budget"
        reader = word + more
        if (reader, what, fold) in known:
            continue
        row = {"reader": reader, "what": what, "fold": fold, "pictures": len(test)}
        if word == "ddddocr":
            if not options.ddddocr:
                raise SystemExit("--ddddocr PYTHON: which interpreter has it?")
            texts, seconds = ddddocr(options.ddddocr, paths)
            row |= {"contender": "ddddocr as it comes", "read_ms": 1000 * seconds}
        else:
            contender = READERS[word](options)
            ours = known.get(("ours", what, fold), {}).get("train_cpu_s", 0)
            started = time.process_time()
            contender.fit(train, ours * options.times)
            used = time.process_time() - started
            row |= {"contender": contender.name + more, "train_cpu_s": used}
            row["parameters"] = contender.model.count_params()
            texts = contender.read(paths)
        seen = {one.path.name: text.lower() for one, text in zip(test, texts, strict=True)}
        row["right"] = sum(seen[one.path.name] == one.label.lower() for one in test)
        add(options.work, row | {"texts": seen})


def rows_of(work: Path) -> list[dict]:
    """Returns the earlier results."""
    file = work / "results.jsonl"
    return (
        [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
    )


def add(work: Path, row: dict) -> None:
    print({key: value for key, value in row.items() if key != "texts"}, flush=True)
    with open(work / "results.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps({**row, "backend": keras.config.backend()}) + "\n")


def drawn(folder: Path, count: int, seed: int) -> list[Captcha]:
    if not folder.exists():
        order = Order("captcha", (160, 60), (), CHARACTERS, (4, 4), seed)
        make_captchas(folder, order, count, workers=0)
    return read_captchas(folder)


def generated(options) -> None:
    train = drawn(options.work / "generated-train", options.count, seed=1)
    test = drawn(options.work / "generated-test", 2000, seed=2)
    contest(options, "generated", 0, train, test)


def real(options) -> None:
    for folder in options.folders:
        captchas = read_captchas(folder)
        order = random_of(0).permutation(len(captchas))
        for fold in map(int, options.folds.split(",")):
            parts = (order[np.arange(len(order)) % FOLDS != fold], order[fold::FOLDS])
            train, test = ([captchas[number] for number in part] for part in parts)
            contest(options, folder.name, fold, train, test)


def speed(options) -> None:
    """Measures one image at a time: files are read before, best of five rounds of fifty."""
    reader = CaptchaReading.load(options.run)
    test = drawn(options.work / "generated-test", 2000, seed=2)[:50]
    contents = [one.path.read_bytes() for one in test]
    weights = (Path(options.run) / "model" / "model.safetensors").stat().st_size
    best = {"wall": 1e9, "cpu": 1e9}
    for _ in range(6):
        wall, cpu = time.perf_counter(), time.process_time()
        for content in contents:
            reader.predict([content])
        best["wall"] = min(best["wall"], (time.perf_counter() - wall) / len(contents))
        best["cpu"] = min(best["cpu"], (time.process_time() - cpu) / len(contents))
    row = {
        "reader": "ours",
        "what": "speed",
        "fold": 0,
        "contender": f"hornbook on {keras.config.backend()}",
    }
    add(options.work, {**row, "read_ms": 1000 * best["cpu"], "wall_ms": 1000 * best["wall"]})
    print(f"weights: {weights:,} bytes")


def table(options) -> None:
    rows = rows_of(options.work)
    file = options.work / "corrections.json"
    corrections = json.loads(file.read_text("utf-8")) if file.exists() else {}
    contests: dict[tuple[str, str], list[dict]] = {}
    for row in rows:
        if row["what"] != "speed":
            contests.setdefault((row["what"], row["contender"]), []).append(row)
    text = [
        "| images | reader | whole strings | labels corrected | tested | folds | parameters "
        "| CPU s of training |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for (what, contender), found in sorted(contests.items()):
        right, tested = (sum(row[key] for row in found) for key in ("right", "pictures"))
        seconds = [row["train_cpu_s"] for row in found if "train_cpu_s" in row]
        size = f"{found[0]['parameters'] / 1e6:.2f} M" if "parameters" in found[0] else ""
        spent = f"{np.mean(seconds):.0f}" if seconds else "none"
        folds = "" if what == "generated" else f"{len(found)}"
        gain = sum(corrected(row, corrections.get(what, {})) for row in found)
        text.append(
            f"| {what} | {contender} | {right / tested:.2%} "
            f"| {f'{(right + gain) / tested:.2%}' if corrections.get(what) else ''} "
            f"| {tested:,} | {folds} | {size} | {spent} |"
        )
    text += ["", "One image at a time, CPU ms (best of six rounds; of ddddocr, the mean):", ""]
    times: dict[str, list[dict]] = {}
    for row in rows:
        if "read_ms" in row:
            times.setdefault(f"{row['contender']} ({row['what']})", []).append(row)
    for name, found in sorted(times.items()):
        wall = f", {found[-1]['wall_ms']:.1f} ms by the clock" if "wall_ms" in found[-1] else ""
        text.append(f"- {name}: {np.mean([row['read_ms'] for row in found]):.1f}{wall}")
    print("\n".join(text))
    if options.keep:
        keep("Captchas", "\n".join(text))


def corrected(row: dict, corrections: dict[str, str]) -> int:
    """Returns how many more readings are right by the corrections than by the labels."""
    known = [
        (name, row["texts"][name], seen)
        for name, seen in corrections.items()
        if name in row["texts"]
    ]
    return sum(
        (text == seen.lower()) - (text == label_of(Path(name)).lower())
        for name, text, seen in known
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    modes = {"generated": generated, "real": real, "speed": speed, "table": table}
    parser.add_argument("mode", choices=modes)
    parser.add_argument("work", type=Path)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--count", type=int, default=45_000)
    parser.add_argument("--epochs", type=int, help="epochs of our recipe (default: its own)")
    parser.add_argument("--folds", default="0,1,2,3,4")
    parser.add_argument("--readers", default="ours,xception,example")
    parser.add_argument(
        "--times",
        type=float,
        default=1,
        help="CPU time of the trained peers, as a multiple of ours",
    )
    parser.add_argument("--keep", action="store_true", help="table: write into RESULTS.md")
    parser.add_argument("--run", help="speed: a trained run")
    parser.add_argument("--ddddocr", metavar="PYTHON")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    modes[options.mode](options)


if __name__ == "__main__":
    sys.exit(main())
