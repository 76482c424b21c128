"""Text matching by n-grams alone: a baseline for any network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbook.linear.logistic_regression import best_strength, fit_logistic_regression
from hornbook.linear.tf_idf import TfIdf

HELD_OUT = 5  # a fifth of the pairs chooses the strength
MOST_PAIRS = 50_000

TextPair = tuple[str, str]


def fit_ngram_matcher(
    pairs: Sequence[TextPair], labels: Sequence[int], queries: Sequence[TextPair], *, seed: int = 0
) -> np.ndarray:
    """Fits logistic regression on the TF-IDF of pairs, and predicts others.

    Args:
        pairs, labels: The training pairs; label 1 for a match, else 0.
        queries: The pairs to predict.
        seed: Determines the pairs that choose the strength.

    Returns:
        The probability of a match for each of `queries`.
    """
    order = np.random.default_rng(seed).permutation(len(pairs))[:MOST_PAIRS]
    pairs = [pairs[number] for number in order]
    targets = np.array(labels, "float32")[order, None]
    tf_idf, features = TfIdf.fit([text for pair in pairs for text in pair])
    features = _pair_features(features[0::2], features[1::2])
    held_out = np.arange(len(pairs)) % HELD_OUT == 0
    strength, fitted = best_strength(features, targets, held_out)
    fitted = fit_logistic_regression(features, targets, strength, start=fitted)
    source, target = (tf_idf.transform([pair[side] for pair in queries]) for side in (0, 1))
    probabilities: np.ndarray = 1 / (
        1 + np.exp(-fitted.logits(_pair_features(source, target))[:, 0])
    )
    return probabilities


def _pair_features(source: Any, target: Any) -> Any:
    """Returns products and absolute differences of two texts by n-gram, and their cosine."""
    from scipy.sparse import csr_matrix, hstack

    shared = source.multiply(target)
    cosine = csr_matrix(shared.sum(axis=1))
    return hstack([shared, abs(source - target), cosine], "csr", dtype="float32")
