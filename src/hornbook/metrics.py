"""Metrics in NumPy, with the same values on every backend.

All functions take the labels first and return Python floats.  Empty input, different lengths and
values that are not finite raise `ValueError`.  Where a metric is undefined, its docstring says what
is returned instead, so that a report of an unusual fold can still be written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class PrecisionRecallF1(NamedTuple):
    """Precision, recall and F1, each between 0 and 1."""

    precision: float
    recall: float
    f1: float


def accuracy(labels: ArrayLike, predictions: ArrayLike) -> float:
    """Returns the share of `predictions` that equal their label; both `(samples,)`."""
    labels, predictions = _pairs(labels, predictions)
    return float(np.mean(labels == predictions))


def top_k_accuracy(labels: ArrayLike, scores: ArrayLike, k: int) -> float:
    """Returns the share of samples whose label is among the `k` highest scores.

    Args:
        labels: `(samples,)`, class indices.
        scores: `(samples, classes)`; ties are resolved in favor of the lower class index.
        k: At least 1; from the number of classes on, the result is 1.
    """
    labels, values = np.asarray(labels), np.asarray(scores, dtype=float)
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    if not len(labels) or values.ndim != 2 or len(values) != len(labels):
        raise ValueError(f"{labels.shape} labels and {values.shape} scores do not fit")
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite")
    best = np.argsort(-values, axis=1, kind="stable")[:, :k]
    return float(np.mean((best == labels[:, None]).any(axis=1)))


def precision_recall_f1(
    labels: ArrayLike, predictions: ArrayLike, *, average: str = "binary"
) -> PrecisionRecallF1:
    """Returns precision, recall and their harmonic mean.

    A value with a zero denominator (no predictions or no labels of a class) is 0.

    Args:
        labels: `(samples,)`.
        predictions: `(samples,)`.
        average: `"binary"` for class 1, with labels 0 and 1 only, or `"macro"` for the mean over
            all classes that occur in either array.
    """
    labels, predictions = _pairs(labels, predictions)
    if average == "binary":
        _check_binary(labels)
        _check_binary(predictions)
        return precision_recall_f1_of_counts(
            float(np.sum((labels == 1) & (predictions == 1))),
            float(np.sum(predictions == 1)),
            float(np.sum(labels == 1)),
        )
    if average != "macro":
        raise ValueError(f"average must be 'binary' or 'macro', not {average!r}")
    matrix = confusion_matrix(labels, predictions)
    per_class = [
        precision_recall_f1_of_counts(
            float(matrix[i, i]), float(matrix[:, i].sum()), float(matrix[i].sum())
        )
        for i in range(len(matrix))
    ]
    return PrecisionRecallF1(*(float(np.mean(column)) for column in zip(*per_class, strict=True)))


def precision_recall_f1_of_counts(
    hits: float, predicted: float, actual: float
) -> PrecisionRecallF1:
    """Returns precision, recall and their harmonic mean of counts; 0 for a zero denominator.

    Args:
        hits: Number of predictions that are right.
        predicted: Number of predictions.
        actual: Number of labels.
    """
    return PrecisionRecallF1(
        hits / predicted if predicted else 0.0,
        hits / actual if actual else 0.0,
        2 * hits / (predicted + actual) if predicted + actual else 0.0,
    )


def precision_recall_f1_of_sets(
    labels: Sequence[AbstractSet[Any]],
    predictions: Sequence[AbstractSet[Any]],
    kind_of: Callable[[Any], str],
    kinds: Iterable[str],
) -> dict[str, Any]:
    """Returns precision, recall and F1 of what was found in texts, by kind and of all together.

    Args:
        labels: What is in each text.
        predictions: What was found in each.
        kind_of: Returns the kind of an element.
        kinds: The kinds to measure separately.

    Returns:
        `precision`, `recall`, `f1` and `labels`, the number of labels, by kind; `micro_precision`,
        `micro_recall` and `micro_f1`.
    """
    hits = [gold & found for gold, found in zip(labels, predictions, strict=True)]
    counts = [
        Counter(kind_of(element) for elements in sets for element in elements)
        for sets in (hits, predictions, labels)
    ]
    metrics: dict[str, Any] = {name: {} for name in (*PrecisionRecallF1._fields, "labels")}
    for kind in kinds:
        metrics["labels"][kind] = counts[-1][kind]
        figures = precision_recall_f1_of_counts(*(count[kind] for count in counts))
        for name, value in figures._asdict().items():
            metrics[name][kind] = value
    micro = precision_recall_f1_of_counts(*(count.total() for count in counts))
    return metrics | {f"micro_{name}": value for name, value in micro._asdict().items()}


def confusion_matrix(
    labels: ArrayLike, predictions: ArrayLike, classes: Sequence[Any] | None = None
) -> np.ndarray:
    """Counts how often each class was predicted as each.

    Args:
        labels: `(samples,)`, numbers or strings.
        predictions: `(samples,)`.
        classes: The classes, in order.  Defaults to all that occur, sorted.

    Returns:
        `(classes, classes)` integers; the row is the label, the column the prediction.

    Raises:
        ValueError: a label or prediction is not among `classes`.
    """
    labels, predictions = _pairs(labels, predictions)
    occurring = np.unique(np.concatenate([labels, predictions]))
    names = occurring.tolist() if classes is None else list(classes)
    row = {name: index for index, name in enumerate(names)}
    if len(row) != len(names):
        raise ValueError("a class is listed twice")
    unknown = [name for name in occurring.tolist() if name not in row]
    if unknown:
        raise ValueError(f"not among the classes: {unknown}")
    rows = np.array([row[name] for name in occurring.tolist()])
    matrix = np.zeros((len(names), len(names)), dtype=np.int64)
    true = rows[np.searchsorted(occurring, labels)]
    predicted = rows[np.searchsorted(occurring, predictions)]
    np.add.at(matrix, (true, predicted), 1)
    return matrix


def roc_auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Returns the probability that a sample labeled 1 scores higher than one labeled 0.

    Equal scores count half.

    Args:
        labels: `(samples,)`, 0 or 1.
        scores: `(samples,)`.

    Returns:
        Between 0 and 1; 0.5 if there is only one class.
    """
    labels, scores = _scored(labels, scores)
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return 0.5
    rank_sum = float(_ranks(scores)[labels == 1].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def log_loss(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Returns the mean of `-log p(label)`, in nats.

    Args:
        labels: `(samples,)` class indices.
        probabilities: `(samples,)` of class 1, or `(samples, classes)`.  They are clipped one
            machine epsilon of their own type away from 0 and 1, so the loss is finite.
    """
    values = np.asarray(probabilities)
    epsilon = np.finfo(values.dtype if values.dtype.kind == "f" else np.float64).eps
    if values.ndim == 2:
        labels = np.asarray(labels)
        if len(labels) != len(values) or not len(values):
            raise ValueError(f"{len(labels)} labels for {len(values)} rows of probabilities")
        if labels.min() < 0 or labels.max() >= values.shape[1]:
            raise ValueError(f"labels must be 0 to {values.shape[1] - 1}")
        chosen = values[np.arange(len(values)), labels.astype(np.int64)]
    else:
        labels, values = _scored(labels, values)
        chosen = np.where(labels == 1, values, 1 - values)
    _check_probabilities(chosen)
    return float(np.mean(-np.log(np.clip(chosen.astype(np.float64), epsilon, 1 - epsilon))))


def best_f1_threshold(labels: ArrayLike, probabilities: ArrayLike) -> tuple[float, float]:
    """Returns the threshold with the highest F1 of `probabilities >= threshold`.

    The threshold lies midway between the two neighboring probabilities it separates (at the lowest
    one if all samples are predicted 1).  Ties are resolved in favor of the highest threshold.
    It is exact in the type of `probabilities`, so comparing in float32 changes nothing.

    Args:
        labels: `(samples,)`, 0 or 1.
        probabilities: `(samples,)`, any finite scores.

    Returns:
        `(threshold, f1)`; `(0.5, 0.0)` if no label is 1.
    """
    labels, scores = _scored(labels, probabilities)
    hits, chosen, values = _cuts(labels, scores)
    if not hits[-1]:
        return 0.5, 0.0
    # one correctly rounded division of integers: equal F1 are equal floats
    f1 = 2 * hits / (chosen + hits[-1])
    best = int(np.argmax(f1))
    upper = values[best]
    threshold = upper
    if best + 1 < len(values):
        lower = values[best + 1]
        middle = lower / 2 + upper / 2
        threshold = middle if lower < middle <= upper else upper
    return float(threshold), float(f1[best])


def calibration_curve(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns predicted and observed probabilities in `bins` equal parts of [0, 1].

    For several classes, pass `predictions == labels` as labels and the highest probability.

    Args:
        labels: `(samples,)`, 0 or 1.
        probabilities: `(samples,)`, between 0 and 1.
        bins: Number of parts; empty ones are dropped.  A value on an edge is in the lower one.

    Returns:
        `(mean predicted, observed share of 1, counts)`, each `(filled bins,)`.
    """
    labels, probabilities = _scored(labels, probabilities)
    _check_probabilities(probabilities)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    part = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], probabilities.astype(np.float64))
    counts = np.bincount(part, minlength=bins)
    filled = counts > 0
    predicted = np.bincount(part, probabilities, minlength=bins)[filled] / counts[filled]
    observed = np.bincount(part, labels, minlength=bins)[filled] / counts[filled]
    return predicted, observed, counts[filled]


def expected_calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 10
) -> float:
    """Returns the mean distance of predicted and observed probabilities, weighted by count.

    Reference: Guo et al. 2017, https://arxiv.org/abs/1706.04599
    """
    predicted, observed, counts = calibration_curve(labels, probabilities, bins)
    return float(np.average(np.abs(predicted - observed), weights=counts))


def _cuts(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns, per distinct score in descending order: ones and samples at or above, score."""
    order = np.argsort(-scores, kind="stable")
    scores = scores[order]
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    return np.cumsum(labels[order])[last], last + 1, scores[last]


def _ranks(values: np.ndarray) -> np.ndarray:
    """Returns ranks from 1 for the lowest; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _pairs(first: ArrayLike, second: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(first), np.asarray(second)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(
            f"two arrays (samples,) of one length are needed, not {first.shape} and {second.shape}"
        )
    if not len(first):
        raise ValueError("there are no samples")
    return first, second


def _scored(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = _pairs(labels, scores)
    _check_binary(labels)
    if scores.dtype.kind != "f":
        scores = scores.astype(np.float64)
    if not np.isfinite(scores).all():
        raise ValueError("some scores are not finite")
    return labels.astype(np.int64), scores


def _check_binary(labels: np.ndarray) -> None:
    if labels.dtype.kind not in "biuf" or not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 or 1")


def _check_probabilities(values: np.ndarray) -> None:
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("probabilities must be between 0 and 1")
