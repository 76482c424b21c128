"""How good a text matcher is: figures, a table, and the page `report.html`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.data.pairs import Pair, group_criteria
from hornbook.metrics import (
    accuracy,
    best_f1_threshold,
    calibration_curve,
    confusion_matrix,
    expected_calibration_error,
    precision_recall_f1,
    roc_auc,
)
from hornbook.report import Page, calibration_chart, heat_map, histogram, line_chart

WORST = 20  # mistakes shown


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
        criteria of each group; `mean_f1`, the mean over the groups.
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
    rows.append(["mean", None, metrics["mean_f1"], None, None])
    return ["criterion", "pairs", "F1", "accuracy", "ROC AUC"], rows


def write_report(
    run: Any,
    fields: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    pairs: Sequence[Pair],
    probabilities: np.ndarray,
    thresholds: Mapping[str, float],
) -> None:
    """Writes `report.html` of a run: curves, figures, mistakes, settings, how to go on.

    Args:
        run: The `RunFolder`.
        fields: Of the recipe.
        rows: One an epoch, from the training loop.
        pairs: The validation pairs.
        probabilities: Of the best epoch for them.
        thresholds: Of the best epoch.
    """
    metrics = matching_metrics(pairs, probabilities, thresholds)
    labels = np.array([pair.label for pair in pairs])
    limits = np.array([thresholds[pair.criterion] for pair in pairs])
    page = Page(
        "Text matching",
        subtitle=f"{run.path.name} · {len(pairs):,} validation pairs · "
        f"mean F1 {metrics['mean_f1']:.3f}",
    )
    page.add_heading("Results on the validation pairs")
    columns, table = metrics_table(metrics)
    page.add_table(table, columns)
    page.add_text(
        "The thresholds were chosen on these same pairs, so figures on new ones will be a "
        "little lower; ROC AUC does not depend on a threshold."
    )
    page.add_heading("Training")
    epochs = [row["epoch"] for row in rows]
    page.add_chart(
        line_chart({"loss": (epochs, [row["loss"] for row in rows])}, x_label="epoch"),
        "Training loss",
    )
    page.add_chart(line_chart(_f1_curves(rows, epochs), x_label="epoch"), "F1 on validation")
    page.add_heading("How sure it is")
    error = expected_calibration_error(labels, probabilities)
    page.add_chart(
        calibration_chart(*calibration_curve(labels, probabilities)),
        f"Of the pairs it gives 80 %, 80 % should match (expected calibration error {error:.3f})",
    )
    page.add_chart(histogram(probabilities, x_label="probability"), "All probabilities")
    counts = confusion_matrix(labels, (probabilities >= limits).astype(int))
    page.add_chart(
        heat_map(counts, rows=["no", "yes"], columns=["no", "yes"]), "Label (rows) and answer"
    )
    page.add_heading("Worst mistakes")
    page.add_table(
        _mistakes(pairs, labels, probabilities, limits),
        ["criterion", "source", "target", "label", "probability"],
    )
    page.add_heading("Settings")
    page.add_key_values({**fields, **{f"threshold {name}": x for name, x in thresholds.items()}})
    page.add_heading("How to use this run")
    page.add_code(
        f"hornbook predict {run.path} pairs.jsonl --out answers.jsonl\n"
        f"hornbook evaluate {run.path} DATA\n\n"
        "from hornbook.recipes.text_matching import TextMatching\n"
        f'matching = TextMatching.load("{run.path}")\n'
        'matching.predict([("...", "...")], criterion="...")'
    )
    run.write_report(page.html())


def _by_criterion(pairs: Sequence[Pair], probabilities: np.ndarray):
    criteria = np.array([pair.criterion for pair in pairs])
    labels = np.array([pair.label for pair in pairs])
    for criterion in sorted(set(criteria.tolist())):
        rows = criteria == criterion
        yield criterion, labels[rows], np.asarray(probabilities)[rows]


def _f1_curves(rows: Sequence[Mapping[str, Any]], epochs: list[int]) -> dict[str, Any]:
    curves = {"mean": (epochs, [row["mean_f1"] for row in rows])}
    for criterion in rows[0]["f1"]:
        curves[criterion] = (epochs, [row["f1"][criterion] for row in rows])
    return curves


def _mistakes(pairs, labels, probabilities, limits) -> list[list[Any]]:
    """The pairs farthest on the wrong side of their threshold."""
    wrong = np.where(labels == 1, limits - probabilities, probabilities - limits)
    worst = np.argsort(-wrong, kind="stable")[:WORST]
    return [
        [
            pairs[number].criterion,
            pairs[number].source,
            pairs[number].target,
            int(labels[number]),
            float(probabilities[number]),
        ]
        for number in worst
        if wrong[number] > 0 or (wrong[number] == 0 and labels[number] == 0)
    ]
