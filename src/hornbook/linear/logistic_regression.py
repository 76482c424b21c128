"""Logistic regression on sparse features, fitted by L-BFGS.

The objective is scikit-learn's: `C * (sum of the log losses) + |weights|^2 / 2`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hornbook.linear.lbfgs import minimum

STEPS = 200  # maximum of L-BFGS
FLAT = 0.01  # stops when the gradient has shrunk by this factor
FEW_ROWS = 1000  # up to this many are solved as a dense problem of `rows` features
STRENGTHS = (10.0, 100.0, 1.0)  # 1 is only tried for many rows, if 100 is worse than 10


@dataclass(frozen=True)
class LogisticRegression:
    """The weights of a linear model.

    Attributes:
        weights: `(features, outputs)`, float32.
        bias: `(outputs,)`, float32.
    """

    weights: np.ndarray
    bias: np.ndarray

    def logits(self, features: Any) -> np.ndarray:
        """Returns the logits of rows of features, `(rows, outputs)`, float32."""
        logits: np.ndarray = features @ self.weights + self.bias
        return logits


def fit_logistic_regression(
    features: Any,
    targets: np.ndarray,
    strength: float,
    *,
    exclusive: bool = False,
    start: LogisticRegression | None = None,
    flat: float = FLAT,
) -> LogisticRegression:
    """Fits a logistic regression.

    Args:
        features: A sparse matrix `(rows, features)`, float32.
        targets: `(rows, outputs)` of 0 and 1.
        strength: C, the inverse of the regularization.
        exclusive: Whether exactly one output is 1 (softmax), or any number (sigmoids).
        start: Initial weights, such as those of another strength.
        flat: See `FLAT`.
    """
    rows, columns = features.shape
    if rows <= min(FEW_ROWS, columns):
        # the weights are a linear combination of the rows: rotate to their span
        turn = _row_directions(features)
        if start is not None:
            start = LogisticRegression(turn.T @ start.weights, start.bias)
        small = _fit(features @ turn, targets, strength, exclusive, start, flat)
        return LogisticRegression(turn @ small.weights, small.bias)
    return _fit(features, targets, strength, exclusive, start, flat)


def _row_directions(features: Any) -> np.ndarray:
    """Returns an orthonormal basis `(features, directions)` of the rows."""
    squares, vectors = np.linalg.eigh((features @ features.T).toarray().astype("float64"))
    nonzero = squares > 1e-6
    basis = features.T @ (vectors[:, nonzero] / np.sqrt(squares[nonzero]))
    directions: np.ndarray = basis.astype("float32")
    return directions


def _fit(
    features: Any,
    targets: np.ndarray,
    strength: float,
    exclusive: bool,
    start: LogisticRegression | None,
    flat: float,
) -> LogisticRegression:
    (rows, outputs), columns = targets.shape, features.shape[1]
    penalty = 1 / (strength * rows)
    targets = targets.astype("float32")
    errors = _softmax_errors if exclusive else _sigmoid_errors

    def objective(flat_point: np.ndarray) -> tuple[float, np.ndarray]:
        point = flat_point.reshape(columns + 1, outputs)
        weights, bias = point[:-1].astype("float32"), point[-1].astype("float32")
        loss, error = errors(features @ weights + bias, targets)
        gradient = np.empty_like(point)
        gradient[:-1] = features.T @ error / rows + penalty * point[:-1]
        gradient[-1] = error.sum(axis=0, dtype="float64") / rows
        return loss / rows + penalty * (point[:-1] ** 2).sum() / 2, gradient.ravel()

    first = np.zeros((columns + 1, outputs))
    shares = np.clip(targets.mean(axis=0, dtype="float64"), 1e-6, 1 - 1e-6)
    first[-1] = np.log(shares) if exclusive else np.log(shares / (1 - shares))
    steepest = np.abs(objective(first.ravel())[1]).max()
    if start is not None:
        first[:-1], first[-1] = start.weights, start.bias
    solution = minimum(objective, first.ravel(), steps=STEPS, slope=flat * steepest)
    point = solution.reshape(columns + 1, outputs).astype("float32")
    return LogisticRegression(point[:-1], point[-1])


def best_strength(
    features: Any, targets: np.ndarray, held_out: np.ndarray, *, exclusive: bool = False
) -> tuple[float, LogisticRegression]:
    """Chooses the strength with the lowest log loss on held-out rows.

    Args:
        features, targets, exclusive: See `fit_logistic_regression`.
        held_out: Mask of the held-out rows, `(rows,)` of bool.

    Returns:
        One of `STRENGTHS`, and the regression fitted with it to the other rows.
    """
    features, unseen = features[~held_out], features[held_out]
    targets, truth = targets[~held_out], targets[held_out]
    best: tuple[float, float, LogisticRegression] | None = None
    for strength in STRENGTHS if len(targets) > FEW_ROWS else STRENGTHS[:2]:
        fitted = fit_logistic_regression(
            features, targets, strength, exclusive=exclusive, start=best and best[2]
        )
        loss = log_loss(fitted.logits(unseen), truth, exclusive=exclusive)
        if best is None or loss < best[0]:
            better = best is not None
            best = (loss, strength, fitted)
            if better:
                break
    assert best is not None
    return best[1:]


def log_loss(logits: np.ndarray, targets: np.ndarray, *, exclusive: bool = False) -> float:
    """Returns the mean log loss per row; arguments as in `fit_logistic_regression`."""
    errors = _softmax_errors if exclusive else _sigmoid_errors
    return errors(logits, targets.astype("float32"))[0] / len(targets)


def _softmax_errors(logits: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """Returns the sum of the log losses, and its gradient with respect to the logits."""
    logits = logits - logits.max(axis=1, keepdims=True)
    powers = np.exp(logits)
    sums = powers.sum(axis=1, keepdims=True)
    loss = np.log(sums).sum(dtype="float64") - (logits * targets).sum(dtype="float64")
    return float(loss), powers / sums - targets


def _sigmoid_errors(logits: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    loss = np.logaddexp(0, logits).sum(dtype="float64") - (logits * targets).sum(dtype="float64")
    return float(loss), (np.tanh(logits / 2) + 1) / 2 - targets  # a sigmoid that cannot overflow
