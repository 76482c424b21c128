"""Softmax and its two replacements, against their formulas in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.layers.attention.probabilities import KINDS, attention_probabilities

pytestmark = pytest.mark.backend

SCORES = np.random.default_rng(0).normal(0, 3, (2, 3, 20, 20)).astype("float32")
MASKS = {
    "none": None,
    "padding": (np.arange(20) < np.array([[18], [5]]))[:, None, None],
    "causal": np.tril(np.ones((20, 20), "bool"))[None, None],
}


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def formula(kind, scores, mask):
    mask = np.ones((1, 1, 1, 20), "bool") if mask is None else mask
    visible = mask.sum(-1, keepdims=True)
    if kind == "squared_relu":
        return np.where(mask, np.maximum(scores, 0) ** 2, 0) / visible
    if kind == "softmax_plus":
        scores = scores * np.log(np.maximum(visible, 16)) / np.log(512)
    return softmax(np.where(mask, scores, -np.inf))


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_computes_its_formula(kind, mask):
    computed = ops.convert_to_numpy(attention_probabilities(SCORES, MASKS[mask], kind))
    expected = formula(kind, SCORES.astype("float64"), MASKS[mask])
    np.testing.assert_allclose(computed, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_masked_keys_have_a_weight_of_exactly_zero(kind):
    mask = MASKS["padding"]
    computed = ops.convert_to_numpy(attention_probabilities(SCORES, mask, kind))
    assert not computed[np.broadcast_to(~mask, computed.shape)].any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_without_a_visible_key_is_finite(kind):
    mask = np.zeros((1, 1, 1, 20), "bool")
    assert np.isfinite(ops.convert_to_numpy(attention_probabilities(SCORES, mask, kind))).all()


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind is 'sotfmax'"):
        attention_probabilities(SCORES, None, "sotfmax")
