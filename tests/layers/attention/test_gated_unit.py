"""The gated attention unit, against its formula in NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.layers import GatedAttentionUnit, RotaryPositions

pytestmark = pytest.mark.backend

FEATURES, WIDE, HEAD = 6, 10, 4


@pytest.fixture
def unit():
    layer = GatedAttentionUnit(intermediate_size=WIDE, head_size=HEAD)
    layer.build((None, None, FEATURES))
    random = np.random.default_rng(0)
    for variable in layer.weights:
        variable.assign(random.normal(0, 0.5, size=variable.shape).astype("float32"))
    return layer


def formula(layer, x, mask):
    def weight(variable):
        return ops.convert_to_numpy(variable.value).astype("float64")

    def rotated(x):
        pairs = x[..., ::2] + 1j * x[..., 1::2]
        frequencies = 10000.0 ** (-np.arange(0, HEAD, 2) / HEAD)
        pairs = pairs * np.exp(1j * np.arange(x.shape[1])[:, None] * frequencies)
        return np.stack([pairs.real, pairs.imag], -1).reshape(x.shape)

    hidden = x @ weight(layer.input_dense.kernel)
    hidden = hidden / (1 + np.exp(-hidden))  # swish
    gate, value, base = np.split(hidden, [WIDE, 2 * WIDE], axis=-1)
    query, key = (rotated(base * weight(scale)) for scale in (layer.query_scale, layer.key_scale))
    scores = np.maximum(query @ key.swapaxes(1, 2) / np.sqrt(HEAD), 0) ** 2
    scores = np.where(mask[:, None], scores, 0) / mask.sum(-1)[:, None, None]
    return (gate * (scores @ value)) @ weight(layer.output_dense.kernel)


def test_it_computes_the_formula(unit):
    x = np.random.default_rng(1).normal(size=(2, 5, FEATURES)).astype("float32")
    mask = np.array([[True] * 5, [True, True, True, False, False]])
    rotary = RotaryPositions(head_size=HEAD)(np.arange(5)[None])
    computed = unit(x, attention_mask=mask[:, None, None], rotary=rotary)
    expected = formula(unit, x.astype("float64"), mask)
    np.testing.assert_allclose(ops.convert_to_numpy(computed), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(("key_slices", "value_slices"), [(1, 1), (2, 5)])
def test_keys_of_earlier_calls_are_attended_to_like_keys_of_one_call(
    batch, key_slices, value_slices
):
    unit = GatedAttentionUnit(intermediate_size=WIDE, head_size=HEAD, normalization="softmax_plus")
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(1).normal(size=(batch, 4, FEATURES)).astype("float32")
    causal = np.tril(np.ones((4, 4), "bool"))[None, None]
    whole = ops.convert_to_numpy(unit(x, attention_mask=causal))
    memory = {
        "key": np.zeros((batch * key_slices, 4, HEAD // key_slices)),
        "value": np.zeros((batch * value_slices, 4, WIDE // value_slices)),
    }
    parts = []
    for index, count in ((0, 2), (2, 1), (3, 1)):  # a prompt, then single tokens
        memory["index"] = np.array(index)
        part, memory = unit(
            x[:, index : index + count],
            attention_mask=causal[:, :, index : index + count],
            memory=memory,
        )
        parts.append(ops.convert_to_numpy(part))
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, atol=1e-5, rtol=1e-5)
