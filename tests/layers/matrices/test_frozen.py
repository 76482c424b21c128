"""Frozen matrices compute the same products as Keras's layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.layers.matrices.dense import Dense, TokenEmbedding
from hornbook.layers.matrices.frozen import MAX_COLUMNS, FrozenPolicy

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "jax", reason="only JAX benefits from frozen matrices"
)
TOLERANCES = {"float32": 1e-5, "bfloat16": 3e-2}


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
@pytest.mark.parametrize("rows", [1, 2, 7])
@pytest.mark.parametrize("columns", [64, 2 * MAX_COLUMNS + 1])
def test_layers_compute_the_same_as_keras_with_the_same_weights(kind, rows, columns):
    random = np.random.default_rng(0)
    kernel = random.normal(size=(columns, 20)).astype("float32") / columns**0.5
    table = random.normal(size=(50, columns)).astype("float32") / columns**0.5
    x = random.normal(size=(rows, 1, columns)).astype("float32")
    frozen = FrozenPolicy(kind, kind)
    dense = Dense(20, activation="tanh", dtype=frozen)
    embedding = TokenEmbedding(50, columns, dtype=frozen)
    dense.build((None, columns))
    embedding.build()
    for matrix in (dense.matrix, embedding.matrix):
        assert all(part.shape[1] <= MAX_COLUMNS for part in matrix.numbers)
    dense.matrix.assign(kernel)
    embedding.matrix.assign(table)
    dense.bias.assign(np.arange(20) / 20)
    tolerances = {"atol": TOLERANCES[kind], "rtol": TOLERANCES[kind]}
    outputs = ops.convert_to_numpy(ops.cast(dense(x), "float32"))
    np.testing.assert_allclose(outputs, np.tanh(x @ kernel + np.arange(20) / 20), **tolerances)
    outputs = ops.convert_to_numpy(ops.cast(embedding(x, reverse=True), "float32"))
    np.testing.assert_allclose(outputs, x @ table.T, **tolerances)
    outputs = ops.convert_to_numpy(ops.cast(embedding(np.array([[49, 0]])), "float32"))
    np.testing.assert_allclose(outputs, table[[[49, 0]]], **tolerances)
    assert keras.backend.standardize_dtype(dense(x).dtype) == kind


def test_nan_is_preserved():
    dense = Dense(3, use_bias=False, dtype=FrozenPolicy("bfloat16", "bfloat16"))
    dense.build((None, 4))
    dense.matrix.assign(np.ones((4, 3)))
    for column in (0, 2):
        x = np.ones((1, 4), "float32")
        x[0, column] = np.nan
        assert np.isnan(ops.convert_to_numpy(ops.cast(dense(x), "float32"))).all()


def test_the_matrix_is_not_trainable_and_has_the_size_of_its_kind():
    for kind, size in (("float32", 4), ("bfloat16", 2)):
        dense = Dense(30, dtype=FrozenPolicy(kind, kind))
        dense.build((None, 50))
        assert [v.name for v in dense.trainable_variables] == ["bias"]
        assert sum(v.value.nbytes for v in dense.matrix.variables) == 30 * 50 * size
