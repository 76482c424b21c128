"""How good a text matcher is: figures, a table, and the page `report.html`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.data.texts.pairs import Pair, group_criteria
from hornbook.metrics import (
    accuracy,
    best_f1_threshold,
    calibration_curve,
    confusion_matrix,
    expected_calibration_error,
    log_loss,
    precision_recall_f1,
    roc_auc,
)
from hornbook.recipes.run_page import add_curves, add_settings, add_usage, run_page
from hornbook.report import Page, calibration_chart, heat_map

WORST = 5  # mistakes shown for each criterion
LONGEST = 120  # characters of a text shown


def best_thresholds(pairs: Sequence[Pair], probabilities: np.ndarray) -> dict[str, float]:
    """For each criterion the threshold with the highest F1: with few matches it is not 0.5."""
    return {
        criterion: best_f1_threshold(labels, found)[0]
        for criterion, labels, found in _by_criterion(pairs, probabilities)
    }


def matching_metrics(
    pairs: Sequence[Pair], probabilities: np.ndarray, thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Measures a text matcher.

    Args:
        pairs: With labels.
        probabilities: Of "yes", `(pairs,)`.
        thresholds: By criterion: from here on it is a "yes".

    Returns:
        `f1`, `accuracy`, `roc_auc` and `pairs` by criterion; `group_f1`, the mean over the
        criteria of each group; `mean_f1`, the mean over the groups; `log_loss`, of all pairs.
    """
    metrics: dict[str, Any] = {name: {} for name in ("f1", "accuracy", "roc_auc", "pairs")}
    for criterion, labels, found in _by_criterion(pairs, probabilities):
        answers = (found >= thresholds[criterion]).astype(int)
        metrics["f1"][criterion] = precision_recall_f1(labels, answers).f1
        metrics["accuracy"][criterion] = accuracy(labels, answers)
        metrics["roc_auc"][criterion] = roc_auc(labels, found)
        metrics["pairs"][criterion] = len(labels)
    metrics["group_f1"] = {
        group: float(np.mean([metrics["f1"][criterion] for criterion in criteria]))
        for group, criteria in group_criteria(metrics["f1"]).items()
    }
    metrics["log_loss"] = log_loss(np.array([pair.label for pair in pairs]), probabilities)
    metrics["mean_f1"] = float(np.mean(list(metrics["group_f1"].values())))
    return metrics


def metrics_table(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """The metrics as columns and rows: a row a criterion, then the groups, then the mean."""
    rows: list[list[Any]] = [
        [criterion, metrics["pairs"][criterion], f1, metrics["accuracy"][criterion],
         metrics["roc_auc"][criterion]]
        for criterion, f1 in metrics["f1"].items()
    ]  # fmt: skip
    groups = metrics["group_f1"]
    if len(groups) > 1:
        rows += [[f"mean of group {group}", None, f1, None, None] for group, f1 in groups.items()]
    rows.append(
        ["mean of the groups" if len(groups) > 1 else "mean", None, metrics["mean_f1"], None, None]
    )
    return ["criterion", "pairs", "F1", "accuracy", "ROC AUC"], rows


def compared(metrics: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """How a model does beside linear ones, in a line."""
    names = list(metrics["f1"])
    figures = ", ".join(
        f"{name} {baseline['f1'][name]:.3f} / {metrics['f1'][name]:.3f}" for name in names
    )
    by_criterion = f" ({figures})" if len(names) > 1 else ""
    return (
        f"TF-IDF and logistic regression alone: mean F1 {baseline['mean_f1']:.3f}; "
        f"this model: mean F1 {metrics['mean_f1']:.3f}{by_criterion}"
    )


def write_report(
    run: Any,
    recipe: Any,
    rows: Sequence[Mapping[str, Any]],
    pairs: Sequence[Pair],
    probabilities: np.ndarray,
    num_training: int,
) -> None:
    """Writes `report.html` of a run: curves, figures, mistakes, settings, how to go on.

    Args:
        run: The `RunFolder`.
        recipe: The fitted recipe.
        rows: One per epoch, from the training loop.
        pairs: The validation pairs.
        probabilities: Of the best epoch for them, `(pairs,)`.
        num_training: Number of training pairs.
    """
    thresholds = recipe.thresholds
    metrics = matching_metrics(pairs, probabilities, thresholds)
    page = run_page(
        "Text matching",
        run,
        recipe,
        result=f"mean F1 {metrics['mean_f1']:.3f}",
        data={"training": num_training, "validation": len(pairs)},
        unit="pairs",
    )
    _add_results(page, metrics, thresholds)
    page.add_text(f"{compared(metrics, recipe.baseline)}.")
    for name, mean_f1 in recipe.references.items():
        page.add_text(f"{name}: mean F1 {mean_f1:.3f}.")
    _add_training(page, rows)
    _add_certainty(page, pairs, probabilities, thresholds)
    _add_mistakes(page, pairs, probabilities, thresholds)
    add_settings(page, recipe)
    add_usage(
        page,
        [
            f"hornbook predict {run.path} pairs.jsonl --criterion {shlex.quote(min(thresholds))} "
            "--out answers.jsonl",
            f"hornbook evaluate {run.path} DATA",
        ],
        [
            "from hornbook.recipes.text_matching import TextMatching",
            f"matching = TextMatching.load({str(run.path)!r})",
            f'matching.predict([("...", "...")], criterion={min(thresholds)!r})',
        ],
    )
    run.write_report(page.html())


def _add_results(page: Page, metrics: Mapping[str, Any], thresholds: Mapping[str, float]) -> None:
    page.add_heading("Results on the validation pairs")
    columns, table = metrics_table(metrics)
    rows = [[name, pairs, thresholds.get(name), *figures] for name, pairs, *figures in table]
    shown = [
        [f"{value:.3f}" if isinstance(value, float) else value for value in row] for row in rows
    ]
    page.add_table(shown, [*columns[:2], "threshold", *columns[2:]], "l" + "r" * len(columns))
    page.add_text(
        "The model gives each pair a probability and answers yes from the threshold on. "
        "F1 weighs two things equally: how many of its yes are right, and how many of the pairs "
        "that match it finds. Accuracy is the share of right answers. ROC AUC is the chance that "
        "a pair that matches gets a higher probability than one that does not: 0.5 is guessing, "
        "1 is perfect.\n\n"
        "The thresholds were chosen for the best F1 on these same pairs, so F1 and accuracy on "
        "new ones will be a little lower; ROC AUC does not depend on a threshold."
    )


def _add_training(page: Page, rows: Sequence[Mapping[str, Any]]) -> None:
    page.add_heading("Training")
    page.add_text(
        "Both losses should fall, and F1, measured on the validation pairs after each epoch, "
        "should rise. Where the training loss falls and the validation loss rises, the model "
        "learns its training pairs by heart. The best epoch is the one kept: here epoch "
        f"{max(rows, key=lambda row: row['mean_f1'])['epoch']}."
    )
    shares = {"mean": [row["mean_f1"] for row in rows]}
    for criterion in rows[0]["f1"]:
        shares[criterion] = [row["f1"][criterion] for row in rows]
    add_curves(
        page,
        rows,
        losses={"training": "loss", "validation": "log_loss"},
        shares=shares,
        shares_caption="F1 on the validation pairs",
    )


def _add_certainty(page: Page, pairs, probabilities, thresholds) -> None:
    labels = np.array([pair.label for pair in pairs])
    page.add_heading("How sure it is")
    error = expected_calibration_error(labels, probabilities)
    page.add_chart(
        calibration_chart(*calibration_curve(labels, probabilities)),
        f"Of the pairs it gives 80 %, 80 % should match (mean distance: {error:.3f})",
    )
    limits = np.array([thresholds[pair.criterion] for pair in pairs])
    counts = confusion_matrix(labels, (probabilities >= limits).astype(int))
    page.add_chart(
        heat_map(counts, rows=["no", "yes"], columns=["no", "yes"]),
        "Do they match (rows), and its answer (columns)",
    )


def _add_mistakes(page: Page, pairs, probabilities, thresholds) -> None:
    """The pairs farthest on the wrong side of the threshold of their criterion."""
    page.add_heading("Worst mistakes")
    for criterion, threshold in sorted(thresholds.items()):
        wrong = [
            (abs(probability - threshold), number)
            for number, (pair, probability) in enumerate(zip(pairs, probabilities, strict=True))
            if pair.criterion == criterion and pair.label != int(probability >= threshold)
        ]
        page.add_heading(f"{criterion}: {len(wrong)} wrong", 3)
        if wrong:
            worst = sorted(wrong, key=lambda item: (-item[0], item[1]))[:WORST]
            page.add_table(
                [_mistake(pairs[number], probabilities[number]) for _, number in worst],
                ["source", "target", "match", "probability"],
                "llcr",
            )


def _mistake(pair: Pair, probability: float) -> list[str]:
    texts = [
        text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
        for text in (pair.source, pair.target)
    ]
    return [*texts, "yes" if pair.label else "no", f"{probability:.3f}"]


def _by_criterion(pairs: Sequence[Pair], probabilities: np.ndarray):
    criteria = np.array([pair.criterion for pair in pairs])
    labels = np.array([pair.label for pair in pairs])
    for criterion in sorted(set(criteria.tolist())):
        rows = criteria == criterion
        yield criterion, labels[rows], np.asarray(probabilities)[rows]
