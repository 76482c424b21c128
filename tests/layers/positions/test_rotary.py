"""Rotary positions against complex numbers."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.layers import MultiHeadAttention, RotaryPositions
from hornbook.layers.positions.rotary import rotate

pytestmark = pytest.mark.backend

HEAD = 6
X = np.random.default_rng(0).normal(size=(2, 3, 5, HEAD)).astype("float32")


def reference(x, positions, pairs):
    frequencies = 10000.0 ** (-np.arange(0, HEAD, 2) / HEAD)
    half = HEAD // 2
    parts = (
        (x[..., ::2], x[..., 1::2]) if pairs == "interleaved" else (x[..., :half], x[..., half:])
    )
    rotated = (parts[0] + 1j * parts[1]) * np.exp(1j * positions[:, None, :, None] * frequencies)
    if pairs == "interleaved":
        return np.stack([rotated.real, rotated.imag], -1).reshape(x.shape)
    return np.concatenate([rotated.real, rotated.imag], -1)


@pytest.mark.parametrize("pairs", ["interleaved", "halves"])
def test_pairs_of_features_rotate_with_the_position(pairs):
    positions = np.array([[0, 1, 2, 3, 4], [7, 3, 300, 0, 9]])
    rotary = RotaryPositions(head_size=HEAD)(positions)
    computed = ops.convert_to_numpy(rotate(ops.convert_to_tensor(X), rotary, pairs))
    np.testing.assert_allclose(computed, reference(X, positions, pairs), atol=1e-4, rtol=1e-4)


def test_only_distances_matter():
    attention = MultiHeadAttention(num_heads=2)
    attention.build((None, None, 12))
    x = np.random.default_rng(1).normal(size=(1, 4, 12)).astype("float32")
    outputs = [
        ops.convert_to_numpy(
            attention(x, rotary=RotaryPositions(head_size=HEAD)(np.arange(4)[None] + start))
        )
        for start in (0, 50)
    ]
    np.testing.assert_allclose(*outputs, atol=1e-5)
    assert np.abs(outputs[0] - ops.convert_to_numpy(attention(x))).max() > 1e-3


def test_angles_are_float32_in_half_precision():
    rotary = RotaryPositions(head_size=HEAD, dtype="mixed_bfloat16")(np.array([[301]]))
    assert "float32" in str(rotary[0].dtype)
    x = ops.cast(ops.convert_to_tensor(X[:, :, :1]), "bfloat16")
    assert "bfloat16" in str(rotate(x, rotary).dtype)


def test_an_odd_head_size_is_refused():
    with pytest.raises(ValueError, match="5 features of a head cannot be divided into pairs"):
        RotaryPositions(head_size=5)


def test_an_attention_factor_scales_the_rotated_vectors():
    scaling = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
    rotary = RotaryPositions(head_size=HEAD, scaling=scaling)(np.arange(5)[None])
    rotated = ops.convert_to_numpy(rotate(ops.convert_to_tensor(X), rotary))
    lengths = np.linalg.norm(rotated, axis=-1) / np.linalg.norm(X, axis=-1)
    np.testing.assert_allclose(lengths, 0.1 * np.log(4) + 1, rtol=1e-5)
