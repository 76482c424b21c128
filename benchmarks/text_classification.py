"""Text classification from random and pretrained weights, compared with TF-IDF and regression.

    python benchmarks/text_classification.py DATA... [--pretrained FOLDER...] [--seeds 3] [--rows N]

Each DATA is a folder for `hornbook train text-classification` with a test file in it.  The
recipe has its defaults; all that is chosen is chosen on the validation texts (a tenth of the
training texts where there is no file of them; scikit-learn learns from that tenth too).  Its TF-IDF
is sublinear and C=10, which was the best of C=1 and C=10 on the two large sets.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("HORNBOOK_QUIET", "1")

import numpy as np
from results import keep

from hornbook.data.texts.labeled import LabeledText, labeled_texts, read_training_texts
from hornbook.data.texts.summary import TextSplits
from hornbook.linear.ngrams import longest_ngram
from hornbook.recipes.text_classification import TextClassification


def tf_idf(data: Path, seed: int) -> float:
    """scikit-learn's accuracy on the test texts: words 1-2, or characters 1-3."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    splits = read_training_texts(data, seed=seed)
    train = given(data, splits)
    test = test_texts(data)
    texts = [text.text for text in train]
    choices = {"sublinear_tf": True, "min_df": 2 if len(texts) >= 1000 else 1}
    if longest_ngram(texts) == 3:
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), **choices)
    else:
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), **choices)
    model = LogisticRegression(C=10, max_iter=1000)
    model.fit(vectorizer.fit_transform(texts), [str(text.labels) for text in train])
    found = model.predict(vectorizer.transform([text.text for text in test]))
    return float(np.mean(found == np.array([str(text.labels) for text in test])))


def recipe(data: Path, seed: int, fields: dict) -> float:
    """The recipe's accuracy on the test texts."""
    with tempfile.TemporaryDirectory() as folder:
        fitted = TextClassification(seed=seed, **fields).fit(data, Path(folder, "run"))
        return fitted.evaluate(data, split="test")["accuracy"]


def main() -> None:
    """Reads the command line, and writes shorter sets where it asks for them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--pretrained", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="default: the recipe's")
    parser.add_argument("--rows", type=int, help="number of training texts, the first")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.rows:
            options.data = [first_rows(data, options.rows, Path(folder)) for data in options.data]
        compare(options)


def first_rows(data: Path, rows: int, folder: Path) -> Path:
    """Writes a set whose training texts are the first of `data`, and returns its folder."""
    texts, copy = labeled_texts(data), folder / data.name
    copy.mkdir()
    for split in ("train", "valid", "test"):
        if texts.has(split):
            samples = texts.samples(split)[: rows if split == "train" else None]
            with (copy / f"{split}.jsonl").open("w", encoding="utf-8") as file:
                for one in samples:
                    labels = one.labels if one.several else one.labels[0]
                    print(json.dumps({"text": one.text, "labels": labels}), file=file)
    return copy


def compare(options: argparse.Namespace) -> None:
    """Runs every contender with every seed on every set, and keeps the table."""
    fields = {} if options.epochs is None else {"epochs": options.epochs}
    contenders = {
        "TF-IDF (scikit-learn)": tf_idf,
        "from scratch": lambda data, seed: recipe(data, seed, fields),
    }
    for model in options.pretrained:
        contenders[Path(model).name] = lambda data, seed, model=model: recipe(
            data, seed, {**fields, "pretrained": model}
        )
    rows = []
    for data in options.data:
        results = {}
        for name, contender in contenders.items():
            accuracies, start = [], time.process_time()
            for seed in range(options.seeds):
                accuracies.append(contender(data, seed))
                print(f"{data.name}  {name}  seed {seed}: {accuracies[-1]:.4f}", flush=True)
            results[name] = (accuracies, (time.process_time() - start) / options.seeds)
        rows.append((data, results))
    report = table(rows, options.seeds, fields)
    print(report)
    keep("Text classification: what the network is worth", report)


def table(rows: list, seeds: int, fields: dict) -> str:
    """Returns a Markdown table, one row per set: accuracy and CPU seconds of each contender."""
    names = list(rows[0][1])
    lines = [
        f"Accuracy on the test texts, mean of {seeds} seeds (± standard deviation), and CPU "
        f"seconds of one training and test; fields {fields or 'as they are by default'}.",
        "",
        "| set | training texts | test texts | "
        + " | ".join(f"{name} | s" for name in names)
        + " |",
        "|---|---:|---:|" + "---:|" * 2 * len(names),
    ]
    for data, results in rows:
        splits = read_training_texts(data)
        cells = [f"{len(given(data, splits)):,}", f"{len(test_texts(data)):,}"]
        for accuracies, seconds in results.values():
            cells += [f"{np.mean(accuracies):.4f} ± {np.std(accuracies):.4f}", f"{seconds:.0f}"]
        lines.append(f"| {data.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def given(data: Path, splits: TextSplits[LabeledText]) -> list[LabeledText]:
    """Returns the training texts, with those that the recipe holds out of them."""
    held_out = [] if labeled_texts(data).has("valid") else splits.valid
    return [*splits.train, *held_out]


def test_texts(data: Path) -> list[LabeledText]:
    """Returns the test texts, which nothing is trained or selected on."""
    return labeled_texts(data).samples("test")


if __name__ == "__main__":
    main()
