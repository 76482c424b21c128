"""Classifies 17 flowers from few images: two stages, each method alone, and other recipes.

    python benchmarks/images.py FLOWERS17 MOBILENET.weights.h5 --out results.jsonl [--seeds 3]

A fixed number of images per class is trained on; the others of the training folder are the
unlabeled ones.  Validation images with a near duplicate in the training folder are left
out.  Each finished run is a line of --out, and an interrupted benchmark continues after
the last one.  All contenders start from the same weights, see the same images equally often and
are evaluated at their best epoch.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("HORNBOOK_QUIET", "1")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # its convolutions are the fastest on CPUs

import numpy as np
from results import keep

from hornbook.data.images.classes import read_image_classes
from hornbook.data.seeding import random_of
from hornbook.metrics import top_k_accuracy
from hornbook.recipes.images import Images
from hornbook.recipes.images.stages import TwoStages
from hornbook.training.run_folder import RunFolder

SIZE = 128
ALPHA = 0.75
FIELDS = {
    "backbone": "MobileNet",
    "alpha": ALPHA,
    "size": SIZE,
    "epochs": 10,
    "batch_size": 16,
}
IDEAS = {
    "two stages": {},
    "without gated features (GLU)": {"gated": False},
    "center loss, 0.001": {"center_loss": 0.001},
    "RandAugment, 0.2": {"rand_augment": 0.2},
    "MixUp or CutMix": {"mixing": "both"},
    "erasing half": {"erasing": 0.5},
    "growing images": {"progressive": True},
    "without label smoothing": {"label_smoothing": 0.0},
    "without averaged weights": {"ema": 0.0},
    "one rate for all layers": {"layer_decay": 1.0},
}


def arrange(data: Path, folder: Path, per_class: int, seed: int) -> Path:
    """Links the images into `train`, `valid` and `unlabeled` folders."""
    found = read_image_classes(data)
    leaked = set(found.leaked)
    for label, name in enumerate(found.classes):
        train = [found.train.paths[n] for n in np.flatnonzero(found.train.labels == label)]
        order = random_of(seed, label).permutation(len(train))
        sides = {
            f"train/{name}": [train[n] for n in order[:per_class]],
            "unlabeled": [train[n] for n in order[per_class:]],
            f"valid/{name}": [
                path
                for n in np.flatnonzero(found.valid.labels == label)
                if (path := found.valid.paths[n]) not in leaked
            ],
        }
        for side, paths in sides.items():
            (folder / side).mkdir(parents=True, exist_ok=True)
            for path in paths:
                (folder / side / path.name).symlink_to(path.resolve())
    return folder


def two_stages(data: Path, weights: Path, seed: int, out: Path, **fields) -> dict:
    """Trains the recipe; with its defaults it is also evaluated with several views."""
    recipe = Images(weights=str(weights), seed=seed, **{**FIELDS, **fields}).fit(data, out)
    rows = RunFolder(out).metrics()
    best = max(rows, key=lambda row: row["score"])
    found = {"top1": best["top1"], "top5": best["top5"], "head": rows[0]["top1"]}
    views = () if fields else (2, 10)
    return found | {f"views {n}": recipe.evaluate(data, views=n)["top1"] for n in views}


def first_stage(options: argparse.Namespace, folder: Path) -> list[dict]:
    """Evaluates the methods without a second stage, on features computed once, for all seeds."""
    rows, found = [], {}
    for seed in range(options.seeds):
        data = arrange(options.data, folder / f"first-{seed}", options.per_class, seed)
        split = read_image_classes(data)
        unlabeled = sorted((data / "unlabeled").iterdir())
        remember_features(options.weights, found, split, unlabeled)
        for name, chances in first_stage_chances(seed, split, unlabeled, found).items():
            row = {"name": name, "seed": seed}
            row |= {f"top{k}": top_k_accuracy(split.valid.labels, chances, k) for k in (1, 5)}
            rows.append(row)
            print(row, flush=True)
    return rows


def remember_features(weights: Path, found: dict, split, unlabeled: list[Path]) -> None:
    """Computes the missing features of the images, `(2 views, channels)` by name."""
    recipe = Images(weights=str(weights), **FIELDS)
    recipe.classes = split.classes
    recipe.model = recipe.build(recipe.weights)
    paths = [*split.train.paths, *split.valid.paths, *unlabeled]
    new = [path for path in paths if path.name not in found]
    if new:
        pooled = np.concatenate([outputs["pooled"] for _, outputs in recipe.outputs(new, 2)])
        found.update({path.name: pooled[2 * n : 2 * n + 2] for n, path in enumerate(new)})


def first_stage_chances(seed: int, split, unlabeled: list[Path], found: dict) -> dict:
    """Returns the probabilities of each contender on the validation images."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def features(paths):
        return np.stack([found[path.name] for path in paths])  # (images, 2, channels)

    def head(labels=split.train.labels, paths=split.train.paths, **fields):
        return trained_head(split.classes, features(paths), labels, seed, **fields)

    gated_head, plain_head = head(), head(gated=False)
    sure = gated_head(features(unlabeled)).mean(axis=1)
    taken = np.flatnonzero(sure.max(axis=1) >= 0.9)
    more = {
        "labels": np.concatenate([split.train.labels, sure[taken].argmax(axis=1)]),
        "paths": [*split.train.paths, *(unlabeled[n] for n in taken)],
    }
    heads = {
        "the head alone (first stage)": gated_head,
        "without gated features (GLU)": plain_head,
        "center loss, 0.001": head(center_loss=0.001),
        "center loss, 0.01": head(center_loss=0.01),
        "without label smoothing": head(label_smoothing=0.0),
        "without dropout": head(dropout=0.0),
        "pseudo-labels, sure of 0.9": head(**more),
    }
    valid = features(split.valid.paths)
    views = {name: judge(valid) for name, judge in heads.items()}
    chances = {name: both[:, 0] for name, both in views.items()}
    chances["two views"] = views["the head alone (first stage)"].mean(axis=1)
    chances["ensemble with and without gates"] = (
        chances["the head alone (first stage)"] + chances["without gated features (GLU)"]
    ) / 2
    x, y = np.concatenate(features(split.train.paths)), np.repeat(split.train.labels, 2)
    for strength in (0.0001, 0.001, 0.01, 0.1):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500))
        chances[f"logistic regression, C {strength}"] = model.fit(x, y).predict_proba(valid[:, 0])
    return chances


def trained_head(classes, features: np.ndarray, labels: np.ndarray, seed: int, **fields):
    """Runs the first stage of the recipe; returns a function from features to probabilities."""
    import keras

    keras.utils.set_random_seed(seed)
    recipe = Images(weights="the features were computed with them", seed=seed, **FIELDS, **fields)
    recipe.classes = classes
    recipe.model = recipe.build("none")  # of the backbone only the features are used
    recipe.outputs = lambda *_, **__: [({}, {"pooled": np.concatenate(features)})]
    TwoStages(recipe, [Path()] * len(labels), labels).train_head()

    def probabilities(x: np.ndarray) -> np.ndarray:
        logits = recipe.model.head.predict_on_batch(np.concatenate(x))["logits"]
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        return (chances / chances.sum(axis=1, keepdims=True)).reshape(*x.shape[:2], -1)

    return probabilities


def first_stage_table(rows: list[dict], options: argparse.Namespace) -> str:
    """Mean and spread over the seeds as Markdown."""
    names = list(dict.fromkeys(row["name"] for row in rows))
    base = np.array([row["top1"] for row in rows if row["name"] == names[0]])
    text = [
        f"The first stage on features of MobileNet {ALPHA} at {SIZE} pixels, computed once; "
        f"{options.per_class} images of each class learned from, percent of the validation "
        f"images right, mean of {len(base)} seeds ± standard deviation.",
        "",
        "| what | top-1 | difference | top-5 |",
        "|---|---|---|---|",
    ]
    for name in names:
        runs = [row for row in rows if row["name"] == name]
        top1, top5 = (np.array([row[key] for row in runs]) for key in ("top1", "top5"))
        text.append(
            f"| {name} | **{top1.mean():.1%}** ± {top1.std():.1%} | "
            f"{(top1 - base).mean():+.1%} ± {(top1 - base).std():.1%} | {top5.mean():.1%} |"
        )
    return "\n".join(text)


def plain(data: Path, weights: Path, seed: int) -> dict:
    """Fine-tunes as in Keras's guide, with three learning rates of its second stage."""
    import keras

    keras.utils.set_random_seed(seed)
    x, y = whole(data, "train")
    valid = whole(data, "valid")
    source = keras.applications.MobileNet(alpha=ALPHA, weights=str(weights))
    base = keras.applications.MobileNet(
        alpha=ALPHA, weights=None, include_top=False, input_shape=(SIZE, SIZE, 3)
    )
    base.set_weights(source.get_weights()[: len(base.weights)])
    pixels = keras.Input((SIZE, SIZE, 3))
    changed = keras.layers.RandomRotation(0.1)(keras.layers.RandomFlip("horizontal")(pixels))
    features = base(keras.layers.Rescaling(1 / 127.5, offset=-1)(changed), training=False)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    classes = int(y.max()) + 1
    model = keras.Model(pixels, keras.layers.Dense(classes)(keras.layers.Dropout(0.2)(pooled)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def stage(rate: float, epochs: int, trainable: bool) -> float:
        base.trainable = trainable
        model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
        history = model.fit(
            x, y, batch_size=16, epochs=epochs, validation_data=valid, verbose=0
        ).history
        return max(history["val_accuracy"])

    found = {"head": stage(1e-3, 20, False)}
    weights_then = model.get_weights()
    for rate in (1e-5, 1e-4, 1e-3):
        model.set_weights(weights_then)
        found[f"rate {rate}"] = stage(rate, FIELDS["epochs"], True)
    return {"top1": max(found.values()), **found}


def probe(data: Path, weights: Path, seed: int) -> dict:
    """Fits a logistic regression on pretrained features, with the best regularization."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from hornbook.models.vision.backbones import make_backbone, preprocessing

    backbone = make_backbone("MobileNet", alpha=ALPHA, weights=str(weights))
    features = {}
    for split in ("train", "valid"):
        x, y = whole(data, split)
        maps = backbone.predict(preprocessing("MobileNet")(x), batch_size=32, verbose=0)
        features[split] = maps.mean(axis=(1, 2)), y
    (x, y), (valid, labels) = features["train"], features["valid"]
    found = {}
    for strength in (0.001, 0.01, 0.1, 1.0):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        model.fit(x, y)
        found[f"C {strength}"] = top_k_accuracy(labels, model.predict_proba(valid), 1)
    return {"top1": max(found.values()), **found}


def whole(data: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns all images of a split in memory, as the recipe evaluates them."""
    from hornbook.data.images.crops import fixed_views
    from hornbook.data.images.decoding import read_image

    found = getattr(read_image_classes(data), split)
    views = [fixed_views(read_image(path), size=SIZE)[0] for path in found.paths]
    return np.stack(views).astype("float32"), found.labels


def speed(data: Path, weights: Path) -> dict:
    """Returns CPU milliseconds per image of decoding, augmentation and the training step."""
    found = {}
    for name, fields in {
        "the step": {},
        "the step with RandAugment": {"rand_augment": 0.2},
        "the step with MixUp or CutMix, and erasing": {"mixing": "both", "erasing": 0.5},
    }.items():
        recipe = Images(weights=str(weights), **{**FIELDS, **fields})
        split = read_image_classes(data).train
        recipe.classes = sorted(path.name for path in (data / "train").iterdir())
        recipe.model = recipe.build(str(weights))
        stages = TwoStages(recipe, split.paths, split.labels)
        batches, training = stages.batches(0), stages.training
        inputs = batches[0].arrays()[0]
        for _ in range(2):
            training.train_on_batch(inputs)
        found[name] = best_of(lambda t=training, i=inputs: t.train_on_batch(i))
        if not fields:
            found["decoding, cropping, resizing"] = best_of(
                lambda b=batches: [one.arrays() for one in b[:8]], images=8 * 16
            )
            found["the backbone alone, forwards and backwards"] = bare_step(recipe, inputs)
    return found


def bare_step(recipe: Images, inputs: dict) -> float:
    """Returns the same backbone and classifier, compiled by Keras."""
    import keras

    head = keras.layers.Dense(len(recipe.classes))
    backbone = recipe.model.backbone
    pooled = keras.layers.GlobalAveragePooling2D()(backbone(backbone.input, training=False))
    model = keras.Model(backbone.input, head(pooled))
    model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    x, y = inputs["images"].astype("float32") / 127.5 - 1, inputs["targets"]
    for _ in range(2):
        model.train_on_batch(x, y)
    return best_of(lambda: model.train_on_batch(x, y))


def best_of(function, images: int = FIELDS["batch_size"], times: int = 12) -> float:
    """Returns CPU milliseconds per image, the best of some runs."""
    found = []
    for _ in range(times):
        start = time.process_time()
        function()
        found.append(time.process_time() - start)
    return 1000 * min(found) / images


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Runs all contenders without a line in --out, seed by seed."""
    done = {(row["name"], row["seed"]) for row in lines(options.out)}
    for seed in range(options.seeds):
        data = arrange(options.data, folder / f"data-{seed}", options.per_class, seed)
        teacher = folder / f"teacher-{seed}"
        jobs = {
            name: lambda out, fields=fields, seed=seed, data=data: two_stages(
                data, options.weights, seed, out, **fields
            )
            for name, fields in IDEAS.items()
        }
        jobs["Keras's guide"] = lambda out, seed=seed, data=data: plain(data, options.weights, seed)
        jobs["linear probe"] = lambda out, seed=seed, data=data: probe(data, options.weights, seed)
        jobs["pseudo-labels"] = lambda out, seed=seed, data=data, teacher=teacher: two_stages(
            data,
            options.weights,
            seed,
            out,
            teacher_run=str(teacher),
            unlabeled=str(data / "unlabeled"),
        )
        if options.contenders:
            jobs = {name: jobs[name] for name in options.contenders.split("; ")}
        open_labels = "pseudo-labels" in jobs and ("pseudo-labels", seed) not in done
        for name, job in jobs.items():
            needed = name == "two stages" and open_labels  # it teaches them
            if (name, seed) in done and not needed:
                continue
            out = teacher if name == "two stages" else folder / f"run-{seed}-{name.split(',')[0]}"
            start = time.process_time()
            row = {"name": name, "seed": seed, **job(out)}
            row["cpu"] = round(time.process_time() - start, 1)
            print(row, flush=True)
            if (name, seed) not in done:
                with open(options.out, "a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")


def lines(file: Path) -> list[dict]:
    """Returns the earlier results."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def table(rows: list[dict], per_class: int, costs: dict) -> str:
    """Mean and spread over the seeds as Markdown."""
    by_name: dict[str, list[dict]] = {}
    for row in rows:
        by_name.setdefault(row["name"], []).append(row)
    base = {row["seed"]: row["top1"] for row in by_name["two stages"]}
    text = [
        f"Top-1 in percent on the validation images, mean of the seeds; {per_class} images of "
        f"each class learned from, MobileNet {ALPHA} at {SIZE} pixels, fields "
        f"{', '.join(f'{name}={value}' for name, value in FIELDS.items())}.  ± is the standard "
        "deviation over the seeds; the difference is to the two stages with the same seeds.",
        "",
        "| contender | seeds | top-1 | difference | CPU seconds |",
        "|---|---|---|---|---|",
    ]
    for name, runs in by_name.items():
        found = np.array([run["top1"] for run in runs])
        gain = np.mean([run["top1"] - base[run["seed"]] for run in runs if run["seed"] in base])
        cpu = np.mean([run["cpu"] for run in runs])
        text.append(
            f"| {name} | {len(runs)} | **{found.mean():.1%}** ± {found.std():.1%} | {gain:+.1%} | "
            f"{cpu:.0f} |"
        )
    extra = {"head": "the first stage alone", "views 2": "two views", "views 10": "ten views"}
    for key, name in extra.items():
        found = np.array([run[key] for run in by_name["two stages"]])
        gain = np.mean([run[key] - run["top1"] for run in by_name["two stages"]])
        text.append(
            f"| two stages: {name} | {len(found)} | **{found.mean():.1%}** ± {found.std():.1%} | "
            f"{gain:+.1%} | |"
        )
    if costs:
        text += ["", "| CPU milliseconds an image | |", "|---|---|"]
        text += [f"| {name} | {value:.2f} |" for name, value in costs.items()]
    return "\n".join(text)


def main() -> None:
    """Measures and saves the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--per-class", type=int, default=15)
    parser.add_argument("--contenders", help="names as in the table, separated by '; '")
    parser.add_argument("--only", choices=("quality", "first", "speed", "table"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.only in (None, "quality"):
            measure(options, Path(folder))
        if options.only == "first":
            report = first_stage_table(first_stage(options, Path(folder)), options)
            print(report)
            keep("Images: 17 flowers, the head alone", report)
            return
        costs = {}
        if options.only in (None, "speed"):
            data = arrange(options.data, Path(folder, "speed"), options.per_class, 0)
            costs = speed(data, options.weights)
    report = table(lines(options.out), options.per_class, costs)
    print(report)
    if options.only != "quality":
        keep("Images: 17 flowers", report)


if __name__ == "__main__":
    main()
