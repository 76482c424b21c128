"""Dropout by a hash: as many, as independent and as repeatable as by random numbers."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from hornbook.layers.dropout import Dropout, hashed_dropout  # noqa: E402

pytestmark = pytest.mark.backend

jax_only = pytest.mark.skipif(
    keras.config.backend() != "jax", reason="elsewhere Keras's own dropout is used"
)
SHAPE = (64, 32, 128)


def kept(rate, *seed):
    x = keras.ops.ones(SHAPE)
    found = hashed_dropout(x, rate, keras.ops.convert_to_tensor(seed, dtype="uint32"))
    return keras.ops.convert_to_numpy(found)


def test_a_share_becomes_zero_and_the_mean_stays_while_training_only():
    layer, x = Dropout(0.1, seed=3), keras.ops.ones(SHAPE)
    y = keras.ops.convert_to_numpy(layer(x, training=True))
    assert abs((y == 0).mean() - 0.1) < 0.003
    np.testing.assert_allclose(y[y != 0], 1 / 0.9, rtol=1e-6)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(x, training=False)), 1)


def test_each_call_drops_others():
    layer, x = Dropout(0.5, seed=3), keras.ops.ones(SHAPE)
    first, second = (keras.ops.convert_to_numpy(layer(x, training=True)) for _ in range(2))
    assert abs((first == second).mean() - 0.5) < 0.01


@jax_only
def test_the_same_seed_drops_the_same():
    np.testing.assert_array_equal(kept(0.3, 7, 1), kept(0.3, 7, 1))


@jax_only
@pytest.mark.parametrize("other", [(7, 2), (8, 1), (1, 7), (7, 1 + 2**31)])
def test_what_two_seeds_drop_is_unrelated(other):
    one, two = (np.ravel(kept(0.5, *seed) > 0) for seed in ((7, 1), other))
    for shift in (0, 1, 2, 128, 4096):
        assert abs(np.corrcoef(one, np.roll(two, shift))[0, 1]) < 0.01


@jax_only
def test_places_are_dropped_independently_of_their_neighbours():
    one = kept(0.5, 7, 1) > 0
    for axis in range(3):
        assert abs(np.corrcoef(one.ravel(), np.roll(one, 1, axis).ravel())[0, 1]) < 0.01
        means = one.mean(axis)
        expected = 0.5 / np.sqrt(one.shape[axis])
        assert abs(means.std() / expected - 1) < 0.1


@jax_only
def test_the_gradient_is_that_of_what_was_kept():
    import jax

    seed = keras.ops.convert_to_tensor([7, 1], dtype="uint32")
    gradient = jax.grad(lambda x: hashed_dropout(x, 0.3, seed).sum())(keras.ops.ones(SHAPE))
    np.testing.assert_allclose(gradient, kept(0.3, 7, 1), rtol=1e-6)
