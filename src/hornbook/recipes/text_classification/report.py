"""Evaluates a text classifier: thresholds, metrics, and its parts of `report.html`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from hornbook.data.texts.labeled import Label
from hornbook.metrics import best_f1_threshold, log_loss, precision_recall_f1
from hornbook.recipes.text_report import TextReport, add_confusions, shortened, worst
from hornbook.report import Page

FIGURES = ("precision", "recall", "f1")
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
    values = probabilities
    has_label, has_answer = truth, predicted_classes(probabilities, thresholds)
    if thresholds is None:
        has_label, has_answer = (np.eye(len(classes))[x] for x in (has_label, has_answer))
    else:
        truth, values = truth.ravel(), values.ravel()
    figures = {
        str(label): precision_recall_f1(has_label[:, index], has_answer[:, index])
        for index, label in enumerate(classes)
    }
    return {
        **{name: {label: getattr(x, name) for label, x in figures.items()} for name in FIGURES},
        "texts": dict(zip(figures, has_label.sum(axis=0).astype(int).tolist(), strict=True)),
        "log_loss": log_loss(truth, values),
        "macro_f1": float(np.mean([one.f1 for one in figures.values()])),
        "accuracy": float((has_label == has_answer).all(axis=1).mean()),
    }


class ClassificationReport(TextReport):
    """The page `report.html` of a text classifier."""

    title: ClassVar[str] = "Text classification"
    variable: ClassVar[str] = "classifier"
    rising: ClassVar[str] = "F1 and accuracy"
    shares_caption: ClassVar[str] = "On the validation texts"
    curves: ClassVar[Mapping[str, str]] = {"F1": "macro_f1", "accuracy": "accuracy"}

    def __init__(self, recipe: Any, samples: Sequence[Any], outputs: np.ndarray):
        super().__init__(recipe, samples, outputs)
        self.names = [str(label) for label in recipe.classes]
        self.truth = recipe.truth(samples)
        self.predictions = predicted_classes(outputs, recipe.thresholds)

    @staticmethod
    def headline(metrics: Mapping[str, Any]) -> str:
        return f"accuracy {metrics['accuracy']:.3f}, F1 {metrics['macro_f1']:.3f}"

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

    def add_charts(self, page: Page) -> None:
        if self.recipe.thresholds is None and len(self.names) <= MAX_CLASSES:
            add_confusions(page, self.truth, self.predictions, self.names)

    def add_mistakes(self, page: Page) -> None:
        """Adds the texts with the largest errors in probability."""
        truth, probabilities = self.truth, self.outputs
        is_wrong = self.predictions != truth
        if self.recipe.thresholds is None:
            off = 1 - probabilities[np.arange(len(truth)), truth]
        else:
            is_wrong = is_wrong.any(axis=1)
            off = np.abs(truth - probabilities).max(axis=1)
        wrong = {index: off[index] for index in np.flatnonzero(is_wrong).tolist()}
        page.add_text(f"{len(wrong):,} of {len(truth):,} texts are not entirely right.")
        if wrong:
            rows = [self._mistake(index) for index in worst(wrong, WORST)]
            page.add_table(rows, ["label", "answer", "probability", "text"], "llrl")

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
