"""How good a text classifier is: figures, a table, and the page `report.html`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.data.texts.labelled import Label, LabelledText
from hornbook.metrics import (
    accuracy,
    best_f1_threshold,
    confusion_matrix,
    log_loss,
    precision_recall_f1,
)
from hornbook.recipes.run_page import add_curves, add_settings, add_usage, run_page
from hornbook.report import Page, heat_map

WORST = 10  # mistakes shown
LONGEST = 200  # characters of a text shown
MOST_CLASSES = 20  # in one picture


def best_thresholds(truth: np.ndarray, probabilities: np.ndarray) -> list[float]:
    """For each label the threshold with the highest F1: with few texts of it it is not 0.5."""
    return [
        best_f1_threshold(labels.astype(int), found)[0] if labels.any() else 0.5
        for labels, found in zip(truth.T, probabilities.T, strict=True)
    ]


def answers(probabilities: np.ndarray, thresholds: Sequence[float] | None) -> np.ndarray:
    """The number of the likeliest class; with thresholds `(texts, classes)` of 0 and 1."""
    if thresholds is None:
        return probabilities.argmax(axis=1)
    return (probabilities >= np.array(thresholds)).astype(int)


def classification_metrics(
    truth: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[Label],
    thresholds: Sequence[float] | None,
) -> dict[str, Any]:
    """Measures a text classifier.

    Args:
        truth: Class numbers `(texts,)`, or `(texts, classes)` of 0 and 1.
        probabilities: `(texts, classes)`.
        classes: Their labels.
        thresholds: A text has each label from its threshold on; None: one label a text.

    Returns:
        `precision`, `recall`, `f1` and `texts` by class; `macro_f1`, the mean; `accuracy`, the
        share of texts with all labels right; `log_loss`, with several labels per text the mean
        over them.
    """
    found = answers(probabilities, thresholds)
    metrics: dict[str, Any] = {name: {} for name in ("precision", "recall", "f1", "texts")}
    for number, label in enumerate(map(str, classes)):
        wanted, given = (
            (x == number if thresholds is None else x[:, number]).astype(int)
            for x in (truth, found)
        )
        metrics["texts"][label] = int(wanted.sum())
        figures = precision_recall_f1(wanted, given)
        for name in ("precision", "recall", "f1"):
            metrics[name][label] = getattr(figures, name)
    metrics["log_loss"] = log_loss(truth.ravel(), _of_each(probabilities, thresholds))
    metrics["macro_f1"] = float(np.mean(list(metrics["f1"].values())))
    if thresholds is None:
        metrics["accuracy"] = accuracy(truth, found)
    else:
        metrics["accuracy"] = float((truth == found).all(axis=1).mean())
    return metrics


def _of_each(probabilities: np.ndarray, thresholds: Any) -> np.ndarray:
    """`(texts, classes)`; with several labels per text those of all labels in a row."""
    return probabilities if thresholds is None else probabilities.ravel()


def metrics_table(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """The metrics as columns and rows: a row a label, then the whole."""
    rows: list[list[Any]] = [
        [label, texts, *(metrics[name][label] for name in ("precision", "recall", "f1")), None]
        for label, texts in metrics["texts"].items()
    ]
    rows.append(["all", None, None, None, metrics["macro_f1"], metrics["accuracy"]])
    return ["label", "texts", "precision", "recall", "F1", "accuracy"], rows


def compared(metrics: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """How a model does beside a linear one, in a line."""
    return (
        "TF-IDF and logistic regression alone: "
        f"accuracy {baseline['accuracy']:.3f}, F1 {baseline['macro_f1']:.3f}; "
        f"this model: accuracy {metrics['accuracy']:.3f}, F1 {metrics['macro_f1']:.3f}"
    )


def write_report(
    run: Any,
    recipe: Any,
    rows: Sequence[Mapping[str, Any]],
    texts: Sequence[LabelledText],
    truth: np.ndarray,
    probabilities: np.ndarray,
    num_training: int,
) -> None:
    """Writes `report.html` of a run: figures, curves, mistakes, settings, how to go on.

    Args:
        run: The `RunFolder`.
        recipe: The fitted recipe.
        rows: One per epoch, from the training loop.
        texts: The validation texts.
        truth, probabilities: See `classification_metrics`; of the best epoch.
        num_training: Number of training texts.
    """
    metrics = classification_metrics(truth, probabilities, recipe.classes, recipe.thresholds)
    page = run_page(
        "Text classification",
        run,
        recipe,
        result=f"accuracy {metrics['accuracy']:.3f}, F1 {metrics['macro_f1']:.3f}",
        data={"training": num_training, "validation": len(texts)},
        unit="texts",
    )
    _add_results(page, metrics, recipe.thresholds)
    page.add_text(f"{compared(metrics, recipe.baseline)}.")
    _add_training(page, rows)
    if recipe.thresholds is None and len(recipe.classes) <= MOST_CLASSES:
        names = [str(label) for label in recipe.classes]
        numbers = list(range(len(names)))
        counts = confusion_matrix(truth, answers(probabilities, None), numbers)
        page.add_chart(
            heat_map(counts, rows=names, columns=names), "Label (rows), and its answer (columns)"
        )
    _add_mistakes(page, recipe, texts, truth, probabilities)
    add_settings(page, recipe)
    add_usage(
        page,
        [
            f"hornbook predict {run.path} texts.jsonl --out answers.jsonl",
            f"hornbook evaluate {run.path} DATA",
        ],
        [
            "from hornbook.recipes.text_classification import TextClassification",
            f"classifier = TextClassification.load({str(run.path)!r})",
            'classifier.predict(["..."])',
        ],
    )
    run.write_report(page.html())


def _add_results(page: Page, metrics: Mapping[str, Any], thresholds: Any) -> None:
    page.add_heading("Results on the validation texts")
    columns, table = metrics_table(metrics)
    shown = [[f"{x:.3f}" if isinstance(x, float) else x for x in row] for row in table]
    page.add_table(shown, columns, "l" + "r" * (len(columns) - 1))
    words = (
        "Precision is the share of its answers of a label that are right, recall the share of "
        "the texts of a label that it finds, F1 weighs both equally. Accuracy is the share of "
        "texts it is entirely right about."
    )
    if thresholds is not None:
        words += (
            "\n\nEach label has a threshold, chosen for the best F1 on these same texts, so "
            "the figures on new ones will be a little lower."
        )
    page.add_text(words)


def _add_training(page: Page, rows: Sequence[Mapping[str, Any]]) -> None:
    page.add_heading("Training")
    best = max(rows, key=lambda row: row["macro_f1"])
    words = (
        "Both losses should fall, F1 and accuracy should rise. Where the training loss falls and "
        "the validation loss rises, the model learns its training texts by heart. The best epoch "
        f"is the one kept: here epoch {best['epoch']}."
    )
    if rows[0]["epoch"] == 0:
        words += " Epoch 0 is the linear model of n-grams before the network adds to it."
    page.add_text(words)
    add_curves(
        page,
        rows,
        losses={"training": "loss", "validation": "log_loss"},
        shares={
            "F1": [row["macro_f1"] for row in rows],
            "accuracy": [row["accuracy"] for row in rows],
        },
        shares_caption="On the validation texts",
    )


def _add_mistakes(page: Page, recipe: Any, texts, truth, probabilities) -> None:
    """The texts for whose labels the probability was farthest off."""
    page.add_heading("Worst mistakes")
    found = answers(probabilities, recipe.thresholds)
    if recipe.thresholds is None:
        wrong = found != truth
        off = 1 - probabilities[np.arange(len(truth)), truth]
    else:
        wrong = (found != truth).any(axis=1)
        off = np.abs(truth - probabilities).max(axis=1)
    worst = sorted(np.flatnonzero(wrong), key=lambda number: (-off[number], number))[:WORST]
    page.add_text(f"{int(wrong.sum()):,} of {len(texts):,} texts are not entirely right.")
    if worst:
        names = [str(label) for label in recipe.classes]
        page.add_table(
            [
                [
                    _named(names, truth[number]),
                    _named(names, found[number]),
                    _probability(probabilities[number], found[number], truth[number]),
                    _short(texts[number].text),
                ]
                for number in worst
            ],
            ["label", "its answer", "probability", "text"],
            "llrl",
        )


def _named(names: Sequence[str], labels: np.ndarray) -> str:
    if np.ndim(labels) == 0:
        return names[int(labels)]
    return ", ".join(names[int(number)] for number in np.flatnonzero(labels)) or "none"


def _probability(row: np.ndarray, answer: Any, truth: Any) -> str:
    """Of the answer; with several labels per text, of the label it is most wrong about."""
    if np.ndim(answer) == 0:
        return f"{row[answer]:.3f}"
    return f"{row[np.abs(row - truth).argmax()]:.3f}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
