"""Evaluates a text classifier: metrics, a table, and its parts of `report.html`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from hornbook.data.texts.labeled import Label
from hornbook.metrics import (
    accuracy,
    best_f1_threshold,
    confusion_matrix,
    log_loss,
    precision_recall_f1,
)
from hornbook.recipes.text_report import TextReport, shortened
from hornbook.report import Page, heat_map

WORST = 10  # mistakes shown
LONGEST = 200  # characters of a text shown
MAX_CLASSES = 20  # in the confusion matrix


def best_thresholds(truth: np.ndarray, probabilities: np.ndarray) -> list[float]:
    """Returns the threshold with the highest F1 of each label, which is not 0.5 for rare ones."""
    return [
        best_f1_threshold(labels.astype(int), column)[0] if labels.any() else 0.5
        for labels, column in zip(truth.T, probabilities.T, strict=True)
    ]


def predicted_classes(probabilities: np.ndarray, thresholds: Sequence[float] | None) -> np.ndarray:
    """Returns the index of the likeliest class; with thresholds `(texts, classes)` of 0 and 1."""
    if thresholds is None:
        return np.asarray(probabilities.argmax(axis=1))
    return (probabilities >= np.array(thresholds)).astype(int)


def classification_metrics(
    truth: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[Label],
    thresholds: Sequence[float] | None,
) -> dict[str, Any]:
    """Measures a text classifier.

    Args:
        truth: Class indices `(texts,)`, or `(texts, classes)` of 0 and 1.
        probabilities: `(texts, classes)`.
        classes: Their labels.
        thresholds: Minimum probability of each label; None for one label per text.

    Returns:
        `precision`, `recall`, `f1` and `texts` by class; `macro_f1`, the mean; `accuracy`, the
        share of texts with all labels right; `log_loss`, with several labels per text the mean
        over them.
    """
    predictions = predicted_classes(probabilities, thresholds)
    metrics: dict[str, Any] = {name: {} for name in ("precision", "recall", "f1", "texts")}
    for number, label in enumerate(map(str, classes)):
        labels, own_predictions = (
            (x == number if thresholds is None else x[:, number]).astype(int)
            for x in (truth, predictions)
        )
        metrics["texts"][label] = int(labels.sum())
        figures = precision_recall_f1(labels, own_predictions)
        for name in ("precision", "recall", "f1"):
            metrics[name][label] = getattr(figures, name)
    metrics["log_loss"] = log_loss(truth.ravel(), _of_each(probabilities, thresholds))
    metrics["macro_f1"] = float(np.mean(list(metrics["f1"].values())))
    if thresholds is None:
        metrics["accuracy"] = accuracy(truth, predictions)
    else:
        metrics["accuracy"] = float((truth == predictions).all(axis=1).mean())
    return metrics


def _of_each(probabilities: np.ndarray, thresholds: Any) -> np.ndarray:
    """Returns `(texts, classes)`; with several labels per text those of all labels in a row."""
    return probabilities if thresholds is None else probabilities.ravel()


def metrics_table(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Returns the metrics as columns and rows: a row per label, then all."""
    rows: list[list[Any]] = [
        [label, texts, *(metrics[name][label] for name in ("precision", "recall", "f1")), None]
        for label, texts in metrics["texts"].items()
    ]
    rows.append(["all", None, None, None, metrics["macro_f1"], metrics["accuracy"]])
    return ["label", "texts", "precision", "recall", "F1", "accuracy"], rows


def compared(metrics: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """Compares a model with a linear one, in a line."""
    return (
        "TF-IDF and logistic regression alone: "
        f"accuracy {baseline['accuracy']:.3f}, F1 {baseline['macro_f1']:.3f}; "
        f"this model: accuracy {metrics['accuracy']:.3f}, F1 {metrics['macro_f1']:.3f}"
    )


class ClassificationReport(TextReport):
    """The page `report.html` of a text classifier."""

    title: ClassVar[str] = "Text classification"
    variable: ClassVar[str] = "classifier"
    rising: ClassVar[str] = "F1 and accuracy"
    shares_caption: ClassVar[str] = "On the validation texts"

    def __init__(self, recipe: Any, samples: Sequence[Any], outputs: np.ndarray):
        super().__init__(recipe, samples, outputs)
        self.names = [str(label) for label in recipe.classes]
        self.truth = recipe.truth(samples)
        self.predictions = predicted_classes(outputs, recipe.thresholds)

    def result(self) -> str:
        return f"accuracy {self.metrics['accuracy']:.3f}, F1 {self.metrics['macro_f1']:.3f}"

    def explanation(self) -> str:
        words = (
            "Precision is the share of the answers with a label that are right, recall the share "
            "of the texts with a label that are found, and F1 their harmonic mean. Accuracy is the "
            "share of texts with all labels right."
        )
        if self.recipe.thresholds is not None:
            words += (
                "\n\nEach label has a threshold, chosen for the best F1 on the same texts, so the "
                "metrics on new texts will be slightly lower."
            )
        return words

    def remark(self, rows: Sequence[Mapping[str, Any]]) -> str:
        if rows[0]["epoch"] != 0:
            return ""
        return " Epoch 0 is the linear model of n-grams before the network adds to it."

    def shares(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
        names = {"F1": "macro_f1", "accuracy": "accuracy"}
        return {name: [row[key] for row in rows] for name, key in names.items()}

    def add_charts(self, page: Page) -> None:
        if self.recipe.thresholds is None and len(self.names) <= MAX_CLASSES:
            counts = confusion_matrix(self.truth, self.predictions, list(range(len(self.names))))
            chart = heat_map(counts, rows=self.names, columns=self.names)
            page.add_chart(chart, "Label (rows) and answer (columns)")

    def add_mistakes(self, page: Page) -> None:
        """Adds the texts with the largest errors in probability."""
        truth, probabilities = self.truth, self.outputs
        if self.recipe.thresholds is None:
            wrong = self.predictions != truth
            off = 1 - probabilities[np.arange(len(truth)), truth]
        else:
            wrong = (self.predictions != truth).any(axis=1)
            off = np.abs(truth - probabilities).max(axis=1)
        worst = sorted(np.flatnonzero(wrong), key=lambda number: (-off[number], number))[:WORST]
        total = len(self.samples)
        page.add_text(f"{int(wrong.sum()):,} of {total:,} texts are not entirely right.")
        if worst:
            header = ["label", "answer", "probability", "text"]
            page.add_table([self._mistake(int(number)) for number in worst], header, "llrl")

    def _mistake(self, number: int) -> list[str]:
        truth, prediction = self.truth[number], self.predictions[number]
        # of the answer; with several labels per text, of the label with the largest error
        row = self.outputs[number]
        index = prediction if np.ndim(prediction) == 0 else np.abs(row - truth).argmax()
        text = shortened(self.samples[number].text, LONGEST)
        return [self._named(truth), self._named(prediction), f"{row[index]:.3f}", text]

    def _named(self, labels: np.ndarray) -> str:
        if np.ndim(labels) == 0:
            return self.names[int(labels)]
        return ", ".join(self.names[index] for index in np.flatnonzero(labels)) or "none"

    def usage(self) -> tuple[str, str]:
        return "", 'predict(["..."])'
