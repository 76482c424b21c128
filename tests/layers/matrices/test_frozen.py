"""Matrices that are only used: the products of Keras's layers, whatever comes in."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.layers.matrices.dense import Dense, TokenEmbedding
from hornbook.layers.matrices.frozen import WIDEST, FrozenPolicy

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "jax", reason="only JAX gains by frozen matrices"
)
CLOSE = {"float32": 1e-5, "bfloat16": 3e-2}


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
@pytest.mark.parametrize("rows", [1, 2, 7])
@pytest.mark.parametrize("columns", [64, 2 * WIDEST + 1])
def test_layers_compute_what_keras_does_with_the_same_weights(kind, rows, columns):
    random = np.random.default_rng(0)
    kernel = random.normal(size=(columns, 20)).astype("float32") / columns**0.5
    table = random.normal(size=(50, columns)).astype("float32") / columns**0.5
    x = random.normal(size=(rows, 1, columns)).astype("float32")
    frozen = FrozenPolicy(kind, kind)
    dense = Dense(20, activation="tanh", dtype=frozen)
    words = TokenEmbedding(50, columns, dtype=frozen)
    dense.build((None, columns))
    words.build()
    for matrix in (dense.matrix, words.matrix):
        assert all(part.shape[1] <= WIDEST for part in matrix.numbers)
    dense.matrix.assign(kernel)
    words.matrix.assign(table)
    dense.bias.assign(np.arange(20) / 20)
    close = {"atol": CLOSE[kind], "rtol": CLOSE[kind]}
    found = ops.convert_to_numpy(ops.cast(dense(x), "float32"))
    np.testing.assert_allclose(found, np.tanh(x @ kernel + np.arange(20) / 20), **close)
    found = ops.convert_to_numpy(ops.cast(words(x, reverse=True), "float32"))
    np.testing.assert_allclose(found, x @ table.T, **close)
    found = ops.convert_to_numpy(ops.cast(words(np.array([[49, 0]])), "float32"))
    np.testing.assert_allclose(found, table[[[49, 0]]], **close)
    assert keras.backend.standardize_dtype(dense(x).dtype) == kind


def test_a_nan_stays_one():
    dense = Dense(3, use_bias=False, dtype=FrozenPolicy("bfloat16", "bfloat16"))
    dense.build((None, 4))
    dense.matrix.assign(np.ones((4, 3)))
    for place in (0, 2):
        x = np.ones((1, 4), "float32")
        x[0, place] = np.nan
        assert np.isnan(ops.convert_to_numpy(ops.cast(dense(x), "float32"))).all()


def test_nothing_of_it_is_trained_and_it_takes_what_its_kind_says():
    for kind, size in (("float32", 4), ("bfloat16", 2)):
        dense = Dense(30, dtype=FrozenPolicy(kind, kind))
        dense.build((None, 50))
        assert [v.name for v in dense.trainable_variables] == ["bias"]
        assert sum(v.value.nbytes for v in dense.matrix.variables) == 30 * 50 * size
