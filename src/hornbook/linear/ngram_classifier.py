"""Text classification by n-grams: TF-IDF and logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.errors import CheckpointError
from hornbook.linear.logistic_regression import (
    LogisticRegression,
    best_strength,
    fit_logistic_regression,
)
from hornbook.linear.tf_idf import TfIdf, scaled

FOLDS = 3
MOST_TEXTS = 100_000  # training texts; more are slow and hardly better
MOST_WEIGHTS = 2**21  # L-BFGS needs about 25 * 8 bytes for each
ARRAYS = "ngrams.safetensors"
UNITS = "ngrams.txt"


@dataclass(frozen=True)
class NgramClassifier:
    """A fitted classifier.

    Attributes:
        tf_idf: Texts -> features.
        regression: Features -> logits; two exclusive classes share one output.
        strength: The selected C.
    """

    tf_idf: TfIdf
    regression: LogisticRegression
    strength: float

    def logits(self, texts: Sequence[str], classes: int) -> np.ndarray:
        """Returns the logit of each class, `(texts, classes)`, float32."""
        return _all_classes(self.regression.logits(self.tf_idf.transform(texts)), classes)

    def save(self, folder: Path) -> None:
        """Writes two files: the units of the n-grams, one per line, and all arrays."""
        from safetensors.numpy import save_file

        (folder / UNITS).write_text("".join(unit + "\n" for unit in self.tf_idf.units), "utf-8")
        arrays = {f"keys_{length}": keys for length, keys in enumerate(self.tf_idf.keys, 1)}
        arrays |= {"idf": self.tf_idf.idf, "strength": np.array(self.strength)}
        arrays |= {"weights": self.regression.weights, "bias": self.regression.bias}
        save_file(arrays, folder / ARRAYS)

    @classmethod
    def load(cls, folder: Path) -> NgramClassifier:
        """Loads a classifier written by `save`.

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


class NgramTraining:
    """Fits classifiers to texts whose n-grams are counted once.

    Args:
        texts: The training texts.
        truth: Class indices `(texts,)`; or `(texts, classes)` of 0 and 1.
        classes: Number of classes.
        seed: Determines the folds.
    """

    def __init__(self, texts: Sequence[str], truth: np.ndarray, classes: int, *, seed: int = 0):
        self.exclusive = truth.ndim == 1
        targets = np.eye(classes, dtype="float32")[truth] if self.exclusive else truth
        if self.exclusive and classes == 2:
            self.exclusive, targets = False, targets[:, 1:]  # a sigmoid: half of the weights
        order = np.random.default_rng(seed).permutation(len(texts))
        fold = np.empty(len(texts), int)
        fold[order] = np.arange(len(texts)) % FOLDS
        self.texts, self.classes = texts, classes
        self.chosen, self.others = np.sort(order[:MOST_TEXTS]), np.sort(order[MOST_TEXTS:])
        self.targets, self.fold = targets[self.chosen], fold[self.chosen]
        most_features = max(MOST_WEIGHTS // targets.shape[1], 1)
        used = [texts[number] for number in self.chosen]
        self.tf_idf, self.features = TfIdf.fit(used, most_features=most_features)

    def plain(self) -> NgramClassifier:
        """Fits TF-IDF and logistic regression."""
        strength, start = self._strength(self.features)
        regression = self._fit(self.features, slice(None), strength, start)
        return NgramClassifier(self.tf_idf, regression, strength)

    def best(self) -> tuple[NgramClassifier, np.ndarray]:
        """Fits TF-IDF, for two classes weighted by log-count ratios, and logistic regression.

        Returns:
            The classifier, and out-of-fold logits `(texts, classes)`: those of each text by a
            classifier fitted to other texts.
        """
        unseen = np.empty(self.targets.shape, "float32")
        strength = 0.0
        for number in range(FOLDS):
            held_out = self.fold == number
            if not held_out.any():
                continue
            features = scaled(self.features, self._weights(~held_out))
            if number == 0:
                strength, fitted = self._strength(features)
            else:
                fitted = self._fit(features, ~held_out, strength)
            unseen[held_out] = fitted.logits(features[held_out])
        weights = self._weights(np.full(len(self.fold), True))
        regression = self._fit(scaled(self.features, weights), slice(None), strength)
        tf_idf = TfIdf(self.tf_idf.units, self.tf_idf.keys, self.tf_idf.idf * weights)
        classifier = NgramClassifier(tf_idf, regression, strength)
        logits = np.empty((len(self.texts), self.classes), "float32")
        logits[self.chosen] = _all_classes(unseen, self.classes)
        if len(self.others):
            texts = [self.texts[number] for number in self.others]
            logits[self.others] = classifier.logits(texts, self.classes)
        return classifier, logits

    def _weights(self, rows: np.ndarray) -> np.ndarray:
        """Returns the absolute log-count ratio of each n-gram between two classes, `(features,)`.

        These are the naive Bayes weights of "Baselines and Bigrams" (Wang & Manning, 2012).  For
        more than two classes they make the model worse, and are 1.
        """
        if self.targets.shape[1] > 1:
            return np.ones(self.features.shape[1], "float32")
        occurs = (self.features[rows] > 0).astype("float32").T
        yes = self.targets[rows, 0]
        counts = occurs @ yes + 1, occurs @ (1 - yes) + 1
        first, second = (np.log(count / count.sum()) for count in counts)
        ratios: np.ndarray = (0.5 + np.abs(first - second)).astype("float32")
        return ratios

    def _strength(self, features: Any) -> tuple[float, LogisticRegression]:
        return best_strength(features, self.targets, self.fold == 0, exclusive=self.exclusive)

    def _fit(
        self,
        features: Any,
        rows: np.ndarray | slice,
        strength: float,
        start: LogisticRegression | None = None,
    ) -> LogisticRegression:
        return fit_logistic_regression(
            features[rows], self.targets[rows], strength, exclusive=self.exclusive, start=start
        )


def _all_classes(logits: np.ndarray, classes: int) -> np.ndarray:
    """Prepends a zero to the single output of two classes."""
    if logits.shape[1] == classes:
        return logits
    return np.concatenate([np.zeros_like(logits), logits], axis=1)
