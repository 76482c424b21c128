"""Layer normalization, with and without a condition, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.layers import ConditionalLayerNormalization

pytestmark = pytest.mark.backend

X = np.random.default_rng(0).normal(3, 2, (2, 3, 8)).astype("float32")
CONDITION = np.random.default_rng(1).normal(size=(2, 5)).astype("float32")


def built(random=True, dtype="float32", **options):
    layer = ConditionalLayerNormalization(dtype=dtype, **options)
    layer.build(X.shape)
    generator = np.random.default_rng(2)
    for variable in layer.weights if random else ():
        variable.assign(generator.normal(size=variable.shape).astype("float32"))
    return layer


def reference(layer, condition=None, epsilon=1e-12):
    weights = {v.name: ops.convert_to_numpy(v.value).astype("float64") for v in layer.weights}
    gamma, beta = weights["gamma"], weights["beta"]
    if condition is not None:
        gamma = gamma + (condition @ weights["gamma_kernel"])[:, None]
        beta = beta + (condition @ weights["beta_kernel"])[:, None]
    x = X.astype("float64")
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(
        x.var(-1, keepdims=True) + epsilon
    ) * gamma + beta


@pytest.mark.parametrize("epsilon", [1e-12, 0.5])
def test_it_computes_the_formula(epsilon):
    layer = built(epsilon=epsilon)
    expected = reference(layer, epsilon=epsilon)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(X)), expected, rtol=1e-4, atol=1e-5)


def test_it_computes_the_formula_with_a_condition():
    layer = built(condition_size=5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(X, CONDITION)), reference(layer, CONDITION), rtol=1e-4, atol=1e-5
    )


def test_the_condition_can_have_a_hidden_layer():
    layer = built(condition_size=5, condition_hidden_size=3, condition_hidden_act="tanh")
    kernel = ops.convert_to_numpy(layer.hidden_kernel.value)
    assert kernel.shape == (5, 3)
    expected = reference(layer, np.tanh(CONDITION @ kernel))
    computed = ops.convert_to_numpy(layer(X, CONDITION))
    np.testing.assert_allclose(computed, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("hidden", [None, 3])
def test_a_new_condition_changes_nothing(hidden):
    plain = built(random=False)
    conditional = built(random=False, condition_size=5, condition_hidden_size=hidden)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(plain(X)), ops.convert_to_numpy(conditional(X, CONDITION))
    )


def test_a_missing_or_unexpected_condition_is_refused():
    with pytest.raises(ValueError, match="needs a condition"):
        built(condition_size=5)(X)
    with pytest.raises(ValueError, match="takes no condition"):
        built()(X, CONDITION)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_keeps_the_variance_of_large_values(dtype):
    layer = built(random=False, dtype=dtype)
    large = ops.cast(400 * X, layer.compute_dtype)  # the squares overflow float16
    y = layer(large)
    assert layer.compute_dtype in str(y.dtype)
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.cast(y, "float32")), reference(layer), atol=0.03
    )


@pytest.mark.parametrize("kind", ["layer", "rms"])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("offset", [True, False])
def test_scale_and_offset_are_optional(kind, scale, offset):
    layer = built(kind=kind, scale=scale, offset=offset, condition_size=5)
    weights = {v.name: ops.convert_to_numpy(v.value) for v in layer.weights}
    assert ("gamma" in weights, "beta" in weights) == (scale, offset)
    x = X - X.mean(-1, keepdims=True) if kind == "layer" else X
    x = x / np.sqrt((x**2).mean(-1, keepdims=True))
    # without gamma or beta the condition shifts 1 or 0
    gamma = weights.get("gamma", 1.0) + (CONDITION @ weights["gamma_kernel"])[:, None]
    beta = weights.get("beta", 0.0) + (CONDITION @ weights["beta_kernel"])[:, None]
    computed = ops.convert_to_numpy(layer(X, CONDITION))
    np.testing.assert_allclose(computed, x * gamma + beta, rtol=1e-4, atol=1e-5)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind is 'batch'"):
        ConditionalLayerNormalization(kind="batch")
