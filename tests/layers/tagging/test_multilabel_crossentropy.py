"""The loss of several labels against its formula in double precision, and bert4keras."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.layers import multilabel_crossentropy, span_crossentropy
from hornbook.layers.tagging.masked_scores import MASKED

pytestmark = pytest.mark.backend

RANDOM = np.random.default_rng(0)
SCORES = RANDOM.normal(size=(4, 9)).astype("float32")
LABELS = RANDOM.random((4, 9)) < 0.3
MASK = RANDOM.random((4, 9)) < 0.7
MASK[3] = False


def reference(labels, scores, mask):
    scores = scores.astype("float64")
    return np.array(
        [
            np.log1p(np.exp(s[~y & m]).sum()) + np.log1p(np.exp(-s[y & m]).sum())
            for y, s, m in zip(labels, scores, mask, strict=True)
        ]
    )


def test_it_computes_the_formula(compute):
    computed = compute(multilabel_crossentropy, LABELS, SCORES)
    np.testing.assert_allclose(computed, reference(LABELS, SCORES, MASK | True), rtol=1e-5)


def test_what_is_masked_is_neither_positive_nor_negative(compute):
    expected = reference(LABELS, SCORES, MASK)
    assert expected[3] == 0
    by_mask = compute(multilabel_crossentropy, LABELS, SCORES, MASK)
    np.testing.assert_allclose(by_mask, expected, rtol=1e-5)
    masked_scores = np.where(MASK, SCORES, np.float32(MASKED))
    by_score = compute(multilabel_crossentropy, LABELS, masked_scores)
    np.testing.assert_allclose(by_score, expected, rtol=1e-5)


def test_it_computes_what_bert4keras_does(compute, numbers, bert4keras):
    scores = np.array(
        [MASKED if value is None else value for value in bert4keras["global_pointer"]], "float32"
    ).reshape(2, 2, 6, 6)
    labels = (np.random.RandomState(12).rand(2, 2, 36) < 0.1).reshape(scores.shape)
    labels &= scores > MASKED  # there a positive label of a masked cell counts
    spans = compute(span_crossentropy, labels, scores)
    np.testing.assert_allclose(spans.ravel(), bert4keras["multilabel"], rtol=1e-5)
    shares = np.random.RandomState(13).rand(2, 5).astype("float32")
    soft = compute(multilabel_crossentropy, shares, numbers(14, 2, 5))
    np.testing.assert_allclose(soft, bert4keras["soft"], rtol=1e-5)


def test_gradients_are_those_of_finite_differences_and_finite_at_any_score(gradients):
    (gradient,) = gradients(lambda s: multilabel_crossentropy(LABELS, s, MASK), SCORES)
    direction = RANDOM.normal(size=SCORES.shape)
    sides = [reference(LABELS, SCORES + step * direction, MASK).sum() for step in (1e-4, -1e-4)]
    assert (gradient * direction).sum() == pytest.approx((sides[0] - sides[1]) / 2e-4, rel=1e-3)
    assert (gradient[~MASK] == 0).all()
    wild = SCORES * np.array([[1e3], [1e6], [0], [MASKED]], "float32")
    (gradient,) = gradients(lambda s: multilabel_crossentropy(LABELS, s), wild)
    assert np.isfinite(gradient).all()
