"""Each activation name of a checkpoint means the function it was trained with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from keras import ops

from hornbook.errors import CheckpointError
from hornbook.layers.activations import ACTIVATIONS, activation

pytestmark = pytest.mark.backend

X = np.linspace(-4, 4, 33, dtype="float32")
EXACT_GELU = np.array([0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in X])
TANH_GELU = 0.5 * X * (1 + np.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3)))
EXPECTED = {
    "gelu": EXACT_GELU,
    "gelu_new": TANH_GELU,
    "gelu_pytorch_tanh": TANH_GELU,
    "gelu_tanh": TANH_GELU,
    "linear": X,
    "relu": np.maximum(X, 0),
    "silu": X / (1 + np.exp(-X)),
    "swish": X / (1 + np.exp(-X)),
    "tanh": np.tanh(X),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_name_computes_its_formula(name):
    computed = ops.convert_to_numpy(activation(name)(ops.convert_to_tensor(X)))
    np.testing.assert_allclose(computed, EXPECTED[name], atol=2e-6)


def test_the_two_gelus_differ():
    assert np.abs(EXACT_GELU - TANH_GELU).max() > 1e-4


def test_an_unknown_name_is_refused_with_a_suggestion():
    assert activation(None) is None
    with pytest.raises(CheckpointError, match="Did you mean 'gelu'"):
        activation("gellu")
    with pytest.raises(CheckpointError, match="Unknown activation"):
        activation({"gelu": 1})
