"""Exact attention, with all scores at once and in parts."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.layers.attention import exact as module
from hornbook.layers.attention.exact import exact_attention, is_worthwhile

pytestmark = pytest.mark.backend


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


QUERY, KEY, VALUE = normal(2, 4, 11, 3), normal(2, 2, 9, 3, seed=1), normal(2, 2, 9, 5, seed=2)
BIAS = normal(1, 4, 11, 9, seed=3)
MASKS = {
    "none": None,
    "of keys": np.array([[1] * 9, [1] * 6 + [0] * 3], "bool")[:, None, None],
    "of queries and keys": np.arange(9)[None] <= np.arange(11)[:, None],
}


def reference(mask):
    key, value = np.repeat(KEY, 2, axis=1), np.repeat(VALUE, 2, axis=1)
    scores = QUERY @ key.swapaxes(2, 3) * 0.5 + BIAS
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ value


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("queries_per_part", [None, 4])
def test_it_computes_the_formula(monkeypatch, name, queries_per_part):
    mask = MASKS[name]
    if mask is not None and mask.ndim == 2:
        mask = mask[None, None]
    if queries_per_part is not None:
        monkeypatch.setattr(module, "SHORT", 1)
        monkeypatch.setattr(module, "MAX_SCORES", 2 * 4 * 9 * queries_per_part)
    tensors = [ops.convert_to_tensor(x) for x in (QUERY, KEY, VALUE)]
    assert is_worthwhile(*tensors[:2]) == (
        queries_per_part is not None or keras.config.backend() == "torch"
    )
    outputs = exact_attention(*tensors, mask=mask, bias=BIAS, scale=0.5)
    np.testing.assert_allclose(ops.convert_to_numpy(outputs), reference(mask), atol=1e-5)


def test_gradients_in_parts_equal_those_of_all_scores(monkeypatch):
    expected = gradients()
    monkeypatch.setattr(module, "SHORT", 1)
    monkeypatch.setattr(module, "MAX_SCORES", 2 * 4 * 9 * 4)
    for gradient, expected_gradient in zip(gradients(), expected, strict=True):
        assert np.abs(gradient).max() > 0.1
        np.testing.assert_allclose(gradient, expected_gradient, atol=1e-5)


def gradients():
    arrays = (QUERY, KEY, VALUE, BIAS)

    def total(query, key, value, bias):
        attended = exact_attention(query, key, value, mask=MASKS["of keys"], bias=bias)
        return ops.sum(ops.square(attended))

    if keras.config.backend() == "jax":
        import jax

        return [np.asarray(x) for x in jax.grad(total, (0, 1, 2, 3))(*arrays)]
    if keras.config.backend() == "torch":
        tensors = [ops.convert_to_tensor(x).requires_grad_() for x in arrays]
        total(*tensors).backward()
        return [ops.convert_to_numpy(x.grad) for x in tensors]
    import tensorflow

    @tensorflow.function(
        input_signature=[
            tensorflow.TensorSpec((None, x.shape[1], None, x.shape[3])) for x in arrays
        ]
    )
    def compiled(*tensors):  # with unknown lengths
        with tensorflow.GradientTape() as tape:
            tape.watch(tensors)
            y = total(*tensors)
        return tape.gradient(y, tensors)

    return [x.numpy() for x in compiled(*map(tensorflow.constant, arrays))]


def test_a_query_without_a_visible_key_is_finite_in_half_precision():
    tensors = [ops.cast(x, "float16") for x in (QUERY, KEY, VALUE)]
    mask = np.zeros((1, 1, 1, 9), "bool")
    outputs = exact_attention(*tensors, mask=mask, bias=BIAS)
    assert np.isfinite(ops.convert_to_numpy(ops.cast(outputs, "float32"))).all()
