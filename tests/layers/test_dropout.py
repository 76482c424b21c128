"""Dropout by a hash: its rate, independence and repeatability."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from hornbook.layers.dropout import Dropout, hashed_dropout  # noqa: E402

pytestmark = pytest.mark.backend

jax_only = pytest.mark.skipif(
    keras.config.backend() != "jax", reason="other backends use Keras's own dropout"
)
SHAPE = (64, 32, 128)


def dropout_of_ones(rate, *seed):
    x = keras.ops.ones(SHAPE)
    y = hashed_dropout(x, rate, keras.ops.convert_to_tensor(seed, dtype="uint32"))
    return keras.ops.convert_to_numpy(y)


def test_a_share_becomes_zero_and_the_mean_stays_in_training_only():
    layer, x = Dropout(0.1, seed=3), keras.ops.ones(SHAPE)
    y = keras.ops.convert_to_numpy(layer(x, training=True))
    assert abs((y == 0).mean() - 0.1) < 0.003
    np.testing.assert_allclose(y[y != 0], 1 / 0.9, rtol=1e-6)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(x, training=False)), 1)


def test_each_call_has_another_mask():
    layer, x = Dropout(0.5, seed=3), keras.ops.ones(SHAPE)
    first, second = (keras.ops.convert_to_numpy(layer(x, training=True)) for _ in range(2))
    assert abs((first == second).mean() - 0.5) < 0.01


@jax_only
def test_the_same_seed_gives_the_same_mask():
    np.testing.assert_array_equal(dropout_of_ones(0.3, 7, 1), dropout_of_ones(0.3, 7, 1))


@jax_only
@pytest.mark.parametrize("other", [(7, 2), (8, 1), (1, 7), (7, 1 + 2**31)])
def test_the_masks_of_two_seeds_are_uncorrelated(other):
    first, second = (np.ravel(dropout_of_ones(0.5, *seed) > 0) for seed in ((7, 1), other))
    for shift in (0, 1, 2, 128, 4096):
        assert abs(np.corrcoef(first, np.roll(second, shift))[0, 1]) < 0.01


@jax_only
def test_neighboring_elements_are_dropped_independently():
    mask = dropout_of_ones(0.5, 7, 1) > 0
    for axis in range(3):
        assert abs(np.corrcoef(mask.ravel(), np.roll(mask, 1, axis).ravel())[0, 1]) < 0.01
        means = mask.mean(axis)
        expected = 0.5 / np.sqrt(mask.shape[axis])
        assert abs(means.std() / expected - 1) < 0.1


@jax_only
def test_the_gradient_is_zero_where_elements_are_dropped():
    import jax

    seed = keras.ops.convert_to_tensor([7, 1], dtype="uint32")
    gradient = jax.grad(lambda x: hashed_dropout(x, 0.3, seed).sum())(keras.ops.ones(SHAPE))
    np.testing.assert_allclose(gradient, dropout_of_ones(0.3, 7, 1), rtol=1e-6)
