"""The same attention, with all scores at once and with some at a time."""

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
@pytest.mark.parametrize("at_a_time", [None, 4])
def test_it_computes_the_formula(monkeypatch, name, at_a_time):
    mask = MASKS[name]
    if mask is not None and mask.ndim == 2:
        mask = mask[None, None]
    if at_a_time is not None:
        monkeypatch.setattr(module, "SHORT", 1)
        monkeypatch.setattr(module, "MOST_SCORES", 2 * 4 * 9 * at_a_time)
    tensors = [ops.convert_to_tensor(x) for x in (QUERY, KEY, VALUE)]
    assert is_worthwhile(*tensors[:2]) == (
        at_a_time is not None or keras.config.backend() == "torch"
    )
    found = exact_attention(*tensors, mask=mask, bias=BIAS, scale=0.5)
    np.testing.assert_allclose(ops.convert_to_numpy(found), reference(mask), atol=1e-5)


def test_gradients_are_the_same_with_some_scores_at_a_time(monkeypatch):
    found = gradients()
    monkeypatch.setattr(module, "SHORT", 1)
    monkeypatch.setattr(module, "MOST_SCORES", 2 * 4 * 9 * 4)
    for one, other in zip(found, gradients(), strict=True):
        assert np.abs(one).max() > 0.1
        np.testing.assert_allclose(one, other, atol=1e-5)


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
    def compiled(*tensors):  # with lengths that are not known before
        with tensorflow.GradientTape() as tape:
            tape.watch(tensors)
            y = total(*tensors)
        return tape.gradient(y, tensors)

    return [x.numpy() for x in compiled(*map(tensorflow.constant, arrays))]


def test_a_query_that_sees_nothing_stays_finite_in_half_precision():
    tensors = [ops.cast(x, "float16") for x in (QUERY, KEY, VALUE)]
    nothing = np.zeros((1, 1, 1, 9), "bool")
    found = exact_attention(*tensors, mask=nothing, bias=BIAS)
    assert np.isfinite(ops.convert_to_numpy(ops.cast(found, "float32"))).all()
