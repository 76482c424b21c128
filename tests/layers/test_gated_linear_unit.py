"""The gated linear unit, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from hornbook.layers.gated_linear_unit import GatedLinearUnit  # noqa: E402

pytestmark = pytest.mark.backend


def test_it_is_one_layer_times_the_sigmoid_of_another():
    x = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    layer = GatedLinearUnit(4)
    outputs = keras.ops.convert_to_numpy(layer(x))
    kernel, bias, gate, gate_bias = layer.get_weights()
    expected = (x @ kernel + bias) / (1 + np.exp(-(x @ gate + gate_bias)))
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape((3, 5)) == (3, 4)
