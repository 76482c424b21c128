"""A text classifier of n-grams: TF-IDF and logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hornbook.errors import CheckpointError
from hornbook.linear.logistic_regression import (
    LogisticRegression,
    best_strength,
    fit_logistic_regression,
)
from hornbook.linear.tf_idf import TfIdf

FOLDS = 3
MOST_TEXTS = 100_000  # to learn from: more make it slow and hardly better
MOST_WEIGHTS = 2**21  # L-BFGS keeps about 25 numbers of 8 bytes for each
ARRAYS = "ngrams.safetensors"
UNITS = "ngrams.txt"


@dataclass(frozen=True)
class NgramClassifier:
    """N-grams and what each says about each class.

    Attributes:
        tf_idf: Texts -> features.
        regression: Features -> logits; two classes of which a text has one are one output.
        strength: The C that was chosen.
    """

    tf_idf: TfIdf
    regression: LogisticRegression
    strength: float

    def logits(self, texts: Sequence[str], classes: int) -> np.ndarray:
        """The logit of each class, `(texts, classes)`, float32."""
        return _all_classes(self.regression.logits(self.tf_idf.transform(texts)), classes)

    def save(self, folder: Path) -> None:
        """Writes two files: the units of the n-grams, one a line, and all numbers."""
        from safetensors.numpy import save_file

        (folder / UNITS).write_text("".join(unit + "\n" for unit in self.tf_idf.units), "utf-8")
        arrays = {f"keys_{length}": keys for length, keys in enumerate(self.tf_idf.keys, 1)}
        arrays |= {"idf": self.tf_idf.idf, "strength": np.array(self.strength)}
        arrays |= {"weights": self.regression.weights, "bias": self.regression.bias}
        save_file(arrays, folder / ARRAYS)

    @classmethod
    def load(cls, folder: Path) -> NgramClassifier:
        """Reads what `save` wrote.

        Raises:
            CheckpointError: a file is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            units = (folder / UNITS).read_text("utf-8").split("\n")[:-1]
            arrays = load_file(folder / ARRAYS)
        except (OSError, ValueError, SafetensorError) as error:
            raise CheckpointError(f"The n-grams in {folder} cannot be read: {error}") from None
        lengths = [name for name in sorted(arrays) if name.startswith("keys_")]
        features = sum(arrays[name].size for name in lengths)
        shapes = {name: arrays[name].shape for name in ("idf", "weights", "bias") if name in arrays}
        if shapes != {
            "idf": (features,),
            "weights": (features, *shapes.get("bias", ())),
            "bias": shapes.get("bias"),
        }:
            raise CheckpointError(f"The n-grams in {folder / ARRAYS} do not fit together.")
        tf_idf = TfIdf(units, [arrays[name] for name in lengths], arrays["idf"])
        regression = LogisticRegression(arrays["weights"], arrays["bias"])
        return cls(tf_idf, regression, float(arrays["strength"]))


def fit_ngram_classifier(
    texts: Sequence[str], truth: np.ndarray, classes: int, *, seed: int = 0
) -> tuple[NgramClassifier, np.ndarray]:
    """Fits a classifier, and finds what others fitted like it say of texts they have not seen.

    Args:
        texts: To learn from.
        truth: The number of each text's class `(texts,)`; or `(texts, classes)` of 0 and 1.
        classes: How many there are.
        seed: Of the folds.

    Returns:
        The classifier, and the logits `(texts, classes)` of each text by a classifier that was
        fitted to other texts only: what it is like to get a new text.
    """
    exclusive = truth.ndim == 1
    targets = np.eye(classes, dtype="float32")[truth] if exclusive else truth
    if exclusive and classes == 2:
        exclusive, targets = False, targets[:, 1:]  # a sigmoid: half of the weights
    order = np.random.default_rng(seed).permutation(len(texts))
    chosen = np.sort(order[:MOST_TEXTS])
    used = [texts[number] for number in chosen]
    most_features = max(MOST_WEIGHTS // targets.shape[1], 1)
    tf_idf, features = TfIdf.fit(used, most_features=most_features)
    targets = targets[chosen]
    fold = np.empty(len(texts), int)
    fold[order] = np.arange(len(texts)) % FOLDS
    fold = fold[chosen]
    strength, fitted = best_strength(features, targets, fold == 0, exclusive=exclusive)
    whole = fit_logistic_regression(features, targets, strength, exclusive=exclusive, start=fitted)
    classifier = NgramClassifier(tf_idf, whole, strength)

    unseen = np.empty(targets.shape, "float32")
    for number in range(FOLDS):
        held_out = fold == number
        if number > 0 and held_out.any():
            fitted = fit_logistic_regression(
                features[~held_out], targets[~held_out], strength, exclusive=exclusive
            )
        unseen[held_out] = fitted.logits(features[held_out])
    logits = np.empty((len(texts), classes), "float32")
    logits[chosen] = _all_classes(unseen, classes)
    others = np.sort(order[MOST_TEXTS:])
    if len(others):
        logits[others] = classifier.logits([texts[number] for number in others], classes)
    return classifier, logits


def _all_classes(logits: np.ndarray, classes: int) -> np.ndarray:
    """Puts a zero before the one output that two classes have."""
    if logits.shape[1] == classes:
        return logits
    return np.concatenate([np.zeros_like(logits), logits], axis=1)
