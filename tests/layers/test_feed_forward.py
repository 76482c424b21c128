"""The feed-forward network of a block, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.layers import FeedForward

pytestmark = pytest.mark.backend


def test_it_computes_the_formula():
    layer = FeedForward(intermediate_size=7, activation="relu")
    layer.build((None, None, 4))
    random = np.random.default_rng(0)
    values = [random.normal(size=variable.shape).astype("float32") for variable in layer.weights]
    for variable, value in zip(layer.weights, values, strict=True):
        variable.assign(value)
    kernel, bias, output_kernel, output_bias = values
    x = random.normal(size=(2, 3, 4)).astype("float32")
    expected = np.maximum(x @ kernel + bias, 0) @ output_kernel + output_bias
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected, rtol=1e-4, atol=1e-5)
    assert [value.shape for value in values] == [(4, 7), (7,), (7, 4), (4,)]


def test_a_gate_multiplies_the_hidden_vector():
    layer = FeedForward(intermediate_size=7, activation="relu", gated=True, use_bias=False)
    layer.build((None, None, 4))
    random = np.random.default_rng(0)
    kernels = {}
    for name in ("intermediate", "gate", "output_dense"):
        kernel = getattr(layer, name).kernel
        kernels[name] = random.normal(size=kernel.shape).astype("float32")
        kernel.assign(kernels[name])
    x = random.normal(size=(2, 3, 4)).astype("float32")
    hidden = np.maximum(x @ kernels["gate"], 0) * (x @ kernels["intermediate"])
    expected = hidden @ kernels["output_dense"]
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected, rtol=1e-4, atol=1e-5)


def test_it_can_have_no_bias():
    layer = FeedForward(intermediate_size=4, use_bias=False)
    layer.build((None, None, 3))
    assert [weight.name for weight in layer.weights] == ["kernel", "kernel"]
