"""Layer normalization, with a condition and without."""

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


def test_the_condition_can_go_through_a_layer_first():
    layer = built(condition_size=5, condition_hidden_size=3, condition_hidden_act="tanh")
    kernel = ops.convert_to_numpy(layer.hidden_kernel.value)
    assert kernel.shape == (5, 3)
    expected = reference(layer, np.tanh(CONDITION @ kernel))
    computed = ops.convert_to_numpy(layer(X, CONDITION))
    np.testing.assert_allclose(computed, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("hidden", [None, 3])
def test_a_fresh_condition_changes_nothing(hidden):
    plain = built(random=False)
    conditional = built(random=False, condition_size=5, condition_hidden_size=hidden)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(plain(X)), ops.convert_to_numpy(conditional(X, CONDITION))
    )


def test_a_condition_is_given_exactly_when_it_is_expected():
    with pytest.raises(ValueError, match="needs a condition"):
        built(condition_size=5)(X)
    with pytest.raises(ValueError, match="takes no condition"):
        built()(X, CONDITION)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_keeps_the_variance_of_large_values(dtype):
    layer = built(random=False, dtype=dtype)
    large = ops.cast(400 * X, layer.compute_dtype)  # the squares are beyond float16
    y = layer(large)
    assert layer.compute_dtype in str(y.dtype)
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.cast(y, "float32")), reference(layer), atol=0.03
    )


@pytest.mark.parametrize("kind", ["layer", "rms"])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("offset", [True, False])
def test_it_has_the_weights_it_was_told_to_have(kind, scale, offset):
    layer = built(kind=kind, scale=scale, offset=offset, condition_size=5)
    weights = {v.name: ops.convert_to_numpy(v.value) for v in layer.weights}
    assert ("gamma" in weights, "beta" in weights) == (scale, offset)
    x = X - X.mean(-1, keepdims=True) if kind == "layer" else X
    x = x / np.sqrt((x**2).mean(-1, keepdims=True))
    # a condition shifts 1 and 0 where there is nothing else to shift
    gamma = weights.get("gamma", 1.0) + (CONDITION @ weights["gamma_kernel"])[:, None]
    beta = weights.get("beta", 0.0) + (CONDITION @ weights["beta_kernel"])[:, None]
    computed = ops.convert_to_numpy(layer(X, CONDITION))
    np.testing.assert_allclose(computed, x * gamma + beta, rtol=1e-4, atol=1e-5)


def test_an_unknown_kind_is_a_programmers_mistake():
    with pytest.raises(ValueError, match="kind is 'batch'"):
        ConditionalLayerNormalization(kind="batch")
