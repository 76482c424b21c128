"""Evaluates a text matcher: metrics, a table, and its parts of `report.html`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from hornbook.data.texts.pairs import Pair, group_criteria
from hornbook.metrics import (
    accuracy,
    best_f1_threshold,
    calibration_curve,
    expected_calibration_error,
    log_loss,
    precision_recall_f1,
    roc_auc,
)
from hornbook.recipes.text_report import TextReport, add_confusions, shortened, worst
from hornbook.report import Page, calibration_chart

FIGURES = ("pairs", "f1", "accuracy", "roc_auc")  # of a criterion
WORST = 5  # mistakes shown for each criterion
LONGEST = 120  # characters of a text shown


def best_thresholds(pairs: Sequence[Pair], probabilities: np.ndarray) -> dict[str, float]:
    """Returns each criterion's threshold with the highest F1; not 0.5 where few pairs match."""
    return {
        criterion: best_f1_threshold(labels, values)[0]
        for criterion, labels, values in _by_criterion(pairs, probabilities)
    }


def matching_metrics(
    pairs: Sequence[Pair], probabilities: np.ndarray, thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Measures a text matcher.

    Args:
        pairs: With labels.
        probabilities: Of "yes", `(pairs,)`.
        thresholds: Minimum probability of a "yes", by criterion.

    Returns:
        `f1`, `accuracy`, `roc_auc` and `pairs` by criterion; `group_f1`, the mean over the
        criteria of each group; `mean_f1`, the mean over the groups; `log_loss`, of all pairs.
    """
    metrics: dict[str, Any] = {name: {} for name in ("f1", "accuracy", "roc_auc", "pairs")}
    for criterion, labels, values in _by_criterion(pairs, probabilities):
        answers = (values >= thresholds[criterion]).astype(int)
        metrics["f1"][criterion] = precision_recall_f1(labels, answers).f1
        metrics["accuracy"][criterion] = accuracy(labels, answers)
        metrics["roc_auc"][criterion] = roc_auc(labels, values)
        metrics["pairs"][criterion] = len(labels)
    metrics["group_f1"] = {
        group: float(np.mean([metrics["f1"][criterion] for criterion in criteria]))
        for group, criteria in group_criteria(metrics["f1"]).items()
    }
    metrics["log_loss"] = log_loss(np.array([pair.label for pair in pairs]), probabilities)
    metrics["mean_f1"] = float(np.mean(list(metrics["group_f1"].values())))
    return metrics


class MatchingReport(TextReport):
    """The page `report.html` of a text matcher."""

    title: ClassVar[str] = "Text matching"
    variable: ClassVar[str] = "matching"
    rising: ClassVar[str] = "and F1, measured on the validation pairs after each epoch,"
    shares_caption: ClassVar[str] = "F1 on the validation pairs"

    def __init__(self, recipe: Any, samples: Sequence[Pair], outputs: np.ndarray):
        super().__init__(recipe, samples, outputs)
        self.thresholds: dict[str, float] = recipe.thresholds

    @staticmethod
    def headline(metrics: Mapping[str, Any]) -> str:
        return f"mean F1 {metrics['mean_f1']:.3f}"

    def results(self) -> tuple[list[str], list[list[Any]]]:
        columns, table = super().results()
        rows = [[name, pairs, self.thresholds.get(name), *more] for name, pairs, *more in table]
        return [*columns[:2], "threshold", *columns[2:]], rows

    def explanation(self) -> str:
        return (
            "The model predicts a probability for each pair and answers yes if it reaches the "
            "threshold. F1 is the harmonic mean of precision (the share of its yes answers that "
            "are right) and recall (the share of the matching pairs that it finds). Accuracy is "
            "the share of right answers. ROC AUC is the probability that a matching pair gets a "
            "higher probability than one that does not match: 0.5 is random, 1 is perfect.\n\n"
            "The thresholds were chosen for the best F1 on the same pairs, so F1 and accuracy on "
            "new pairs will be slightly lower; ROC AUC does not depend on a threshold."
        )

    def comparisons(self) -> list[str]:
        others = self.recipe.references.items()
        return [*super().comparisons(), *(f"{name}: mean F1 {f1:.3f}" for name, f1 in others)]

    def shares(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
        by_criterion = {name: [row["f1"][name] for row in rows] for name in rows[0]["f1"]}
        return {"mean": [row["mean_f1"] for row in rows], **by_criterion}

    def add_charts(self, page: Page) -> None:
        labels = np.array([pair.label for pair in self.samples])
        page.add_heading("Calibration")
        error = expected_calibration_error(labels, self.outputs)
        page.add_chart(
            calibration_chart(*calibration_curve(labels, self.outputs)),
            f"Of the pairs with probability 80 %, 80 % should match (mean distance: {error:.3f})",
        )
        limits = np.array([self.thresholds[pair.criterion] for pair in self.samples])
        add_confusions(page, labels, (self.outputs >= limits).astype(int), ["no", "yes"])

    def add_mistakes(self, page: Page) -> None:
        """Adds the pairs farthest on the wrong side of their criterion's threshold."""
        answers = list(zip(self.samples, self.outputs, strict=True))
        for criterion, threshold in sorted(self.thresholds.items()):
            wrong = {
                number: abs(probability - threshold)
                for number, (pair, probability) in enumerate(answers)
                if pair.criterion == criterion and pair.label != int(probability >= threshold)
            }
            page.add_heading(f"{criterion}: {len(wrong)} wrong", 3)
            if wrong:
                rows = [_mistake(*answers[number]) for number in worst(wrong, WORST)]
                page.add_table(rows, ["source", "target", "match", "probability"], "llcr")

    def usage(self) -> tuple[str, str]:
        first = min(self.thresholds)
        call = f'predict([("...", "...")], criterion={first!r})'
        return f"--criterion {shlex.quote(first)} ", call


def _mistake(pair: Pair, probability: float) -> list[str]:
    texts = [shortened(text, LONGEST) for text in (pair.source, pair.target)]
    return [*texts, "yes" if pair.label else "no", f"{probability:.3f}"]


def _by_criterion(
    pairs: Sequence[Pair], probabilities: np.ndarray
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    criteria = np.array([pair.criterion for pair in pairs])
    labels = np.array([pair.label for pair in pairs])
    for criterion in sorted(set(criteria.tolist())):
        rows = criteria == criterion
        yield criterion, labels[rows], np.asarray(probabilities)[rows]
