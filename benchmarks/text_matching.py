"""Compares one conditional model, one plain model, one model per criterion, and TF-IDF.

    python benchmarks/text_matching.py DATA [--seeds 3] [--epochs 4]

DATA is a folder per criterion as for `hornbook train text-matching`.  All neural models are
the recipe's own from scratch, with the same fields; a separate model sees only its criterion,
as often as the others see it.  Every contender gets its threshold for each criterion from the
validation pairs, on which F1 is then measured, so the figures compare and are not forecasts.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("HORNBOOK_QUIET", "1")

import numpy as np
from results import keep

from hornbook.data.texts.pairs import Pair, read_pairs
from hornbook.metrics import best_f1_threshold, roc_auc
from hornbook.recipes.text_matching import TextMatching


def neural(data: Path, seed: int, fields: dict, conditional: bool) -> dict[str, tuple]:
    """Returns F1 and ROC AUC by criterion of one model for all."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = TextMatching(conditional=conditional, seed=seed, **fields)
        metrics = recipe.fit(data, Path(folder, "run")).evaluate(data)
    return {name: (metrics["f1"][name], metrics["roc_auc"][name]) for name in metrics["f1"]}


def separate(data: Path, seed: int, fields: dict) -> dict[str, tuple]:
    """Returns the same of one model per criterion."""
    found: dict[str, tuple] = {}
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        found |= neural(folder, seed, fields, conditional=False)
    return found


def tf_idf(data: Path, seed: int) -> dict[str, tuple]:
    """Character 1- to 3-grams, weighted; logistic regression on what two texts share and not."""
    import scipy.sparse
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    train, valid = (by_criterion(read_pairs(data, split).pairs) for split in ("train", "valid"))
    found = {}
    for criterion, pairs in train.items():
        vectorizer = TfidfVectorizer(
            analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True
        )
        vectorizer.fit([text for pair in pairs for text in (pair.source, pair.target)])

        def features(pairs, vectorizer=vectorizer):
            source = vectorizer.transform([pair.source for pair in pairs])
            target = vectorizer.transform([pair.target for pair in pairs])
            shared = source.multiply(target)
            cosine = scipy.sparse.csr_matrix(shared.sum(axis=1))
            return scipy.sparse.hstack([shared, abs(source - target), cosine]).tocsr()

        answers = np.array([pair.label for pair in valid[criterion]])
        scores = []
        for strength in (0.3, 1, 3, 10):  # the best of them, to its advantage
            model = LogisticRegression(C=strength, max_iter=2000, random_state=seed)
            model.fit(features(pairs), [pair.label for pair in pairs])
            probabilities = model.predict_proba(features(valid[criterion]))[:, 1]
            f1 = best_f1_threshold(answers, probabilities)[1]
            scores.append((f1, roc_auc(answers, probabilities)))
        found[criterion] = max(scores)
    return found


def by_criterion(pairs: list[Pair]) -> dict[str, list[Pair]]:
    """Returns the pairs of each criterion."""
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(pair.criterion, []).append(pair)
    return found


def main() -> None:
    """Runs every contender with every seed and saves the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    fields = {"epochs": options.epochs, "patience": 0}  # the recipe's defaults but for these
    contenders = {
        "one conditional model": lambda seed: neural(options.data, seed, fields, True),
        "one model, no condition": lambda seed: neural(options.data, seed, fields, False),
        "a model for each criterion": lambda seed: separate(options.data, seed, fields),
        "TF-IDF, logistic regression": lambda seed: tf_idf(options.data, seed),
    }
    results: dict[str, list[dict]] = {name: [] for name in contenders}
    seconds = dict.fromkeys(contenders, 0.0)
    for seed in range(options.seeds):  # in turns, so that a cut-off run still compares
        for name, run in contenders.items():
            start = time.process_time()
            results[name].append(run(seed))
            seconds[name] += time.process_time() - start
            mean = np.mean([f1 for f1, _ in results[name][-1].values()])
            print(f"seed {seed}  {name}: mean F1 {mean:.4f}", flush=True)
    report = table(options.data, fields, results, seconds)
    print(report)
    keep("Text matching: six Chinese criteria", report)


def table(data: Path, fields: dict, results: dict, seconds: dict) -> str:
    """Mean and spread over the seeds as Markdown."""
    criteria = list(next(iter(results.values()))[0])
    sizes = {name: len(pairs) for name, pairs in by_criterion(read_pairs(data).pairs).items()}
    seeds = len(next(iter(results.values())))
    lines = [
        f"F1 on the validation pairs (ROC AUC in brackets), mean of {seeds} seeds; fields "
        f"{', '.join(f'{name}={value}' for name, value in fields.items())}.  ± is the standard "
        "deviation over the seeds.",
        "",
        "| criterion | training pairs | " + " | ".join(results) + " |",
        "|---|---|" + "---|" * len(results),
    ]
    for criterion in criteria:
        cells = []
        for runs in results.values():
            f1, auc = np.mean([run[criterion] for run in runs], axis=0)
            cells.append(f"{f1:.3f} ({auc:.3f})")
        lines.append(f"| {criterion} | {sizes[criterion]:,} | " + " | ".join(cells) + " |")
    means = [
        [np.mean([run[criterion] for criterion in criteria], axis=0) for run in runs]
        for runs in results.values()
    ]
    cells = []
    for runs in means:
        (f1, auc), (spread, _) = np.mean(runs, axis=0), np.std(runs, axis=0)
        cells.append(f"**{f1:.4f}** ± {spread:.4f} ({auc:.3f})")
    lines.append(f"| mean | {sum(sizes.values()):,} | " + " | ".join(cells) + " |")
    spent = " | ".join(f"{seconds[name] / seeds:.0f}" for name in results)
    lines.append(f"| CPU seconds a seed | | {spent} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
