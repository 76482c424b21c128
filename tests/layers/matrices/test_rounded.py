"""Matrices in 8 and 4 bits: the accuracy of their products, and their size."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.layers.matrices.dense import Dense, TokenEmbedding
from hornbook.layers.matrices.frozen import MAX_COLUMNS, FrozenPolicy
from hornbook.layers.matrices.rounded import RoundedMatrix

pytestmark = pytest.mark.backend


def matrix_of(values, kind, **options):
    matrix = RoundedMatrix(*values.shape, kind, **options)
    matrix.build()
    matrix.assign(values)
    return matrix


def max_error(values, kind):
    """Half the distance between two values that a weight can be rounded to, per weight."""
    if kind == "int8":
        return np.abs(values).max(axis=1, keepdims=True) / 127 / 2
    groups = np.pad(values, ((0, 0), (0, -values.shape[1] % 32))).reshape(len(values), -1, 32)
    steps = np.abs(groups).max(axis=2) / 7 / 2 * 1.05  # the scales are rounded too
    return np.repeat(steps, 32, axis=1)[:, : values.shape[1]]


@pytest.mark.parametrize("kind", ["int8", "int4"])
@pytest.mark.parametrize("shape", [(3, 5), (40, 70), (300, 64), (3, 2 * MAX_COLUMNS + 1)])
def test_the_error_of_a_weight_is_at_most_half_a_step(kind, shape):
    values = np.random.default_rng(0).normal(size=shape).astype("float32")
    rows = ops.convert_to_numpy(matrix_of(values, kind).take(np.arange(shape[0])))
    assert np.all(np.abs(rows - values) <= max_error(values, kind) + 1e-6)


@pytest.mark.parametrize("kind", ["int8", "int4"])
@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("columns", [70, MAX_COLUMNS + 10])
def test_a_product_is_that_of_the_rounded_weights_and_rows_are_independent(kind, rows, columns):
    random = np.random.default_rng(1)
    matrix = matrix_of(random.normal(size=(300, columns)).astype("float32"), kind)
    x = random.normal(size=(rows, 1, columns)).astype("float32")
    x[0] *= 1000
    rounded = ops.convert_to_numpy(matrix.take(np.arange(300)))
    products = ops.convert_to_numpy(matrix(x))
    assert products.shape == (rows, 1, 300)
    for row, product in zip(x, products, strict=True):
        # PyTorch's int4 kernel takes bfloat16, its int8 kernel two times 7 bits
        tolerance = (2e-2 if kind == "int4" else 1e-3) * (columns / 70) ** 0.5
        atol = tolerance * np.abs(row).max()
        np.testing.assert_allclose(product, row @ rounded.T, atol=atol, rtol=5e-3)


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_layers_are_close_to_the_same_layers_with_floats(kind):
    random = np.random.default_rng(2)
    policy = FrozenPolicy("float32", kind)
    x = random.normal(size=(2, 3, 64)).astype("float32")
    plain, dense = (Dense(20, activation="tanh", dtype=dtype) for dtype in ("float32", policy))
    for layer in (plain, dense):
        layer.build((None, 64))
        layer.bias.assign(np.arange(20) / 20)
    kernel = random.normal(size=(64, 20)).astype("float32") / 20
    plain.kernel.assign(kernel)
    dense.matrix.assign(kernel)
    tolerances = {"atol": 0.01 if kind == "int8" else 0.15, "rtol": 0}
    np.testing.assert_allclose(*(ops.convert_to_numpy(f(x)) for f in (plain, dense)), **tolerances)

    table = random.normal(size=(50, 64)).astype("float32") / 20
    embedding = TokenEmbedding(50, 64, dtype=policy)
    embedding.build()
    embedding.matrix.assign(table)
    ids = np.array([[0, 49, 7]])
    np.testing.assert_allclose(ops.convert_to_numpy(embedding(ids)), table[ids], **tolerances)
    logits = ops.convert_to_numpy(embedding(x, reverse=True))
    np.testing.assert_allclose(logits, x @ table.T, **tolerances)


def test_any_number_of_rows_works():
    for rows in (1, 16, 33, 48, 100, 128, 129):
        values = np.random.default_rng(rows).normal(size=(rows, 32)).astype("float32")
        for kind in ("int8", "int4"):
            matrix = matrix_of(values, kind)
            rounded = ops.convert_to_numpy(matrix.take(np.arange(rows)))
            products = ops.convert_to_numpy(matrix(np.eye(32, dtype="float32")))
            np.testing.assert_allclose(products.T, rounded, atol=1e-2, rtol=1e-2)


def test_the_matrix_is_not_trainable_and_has_the_size_of_its_bits():
    for kind, bytes_per_weight in (("int8", 1), ("int4", 0.5 + 4 / 32)):
        dense = Dense(256, dtype=FrozenPolicy("float32", kind))
        dense.build((None, 512))
        assert [v.name for v in dense.trainable_variables] == ["bias"]
        size = sum(ops.convert_to_numpy(v.value).nbytes for v in dense.matrix.variables)
        assert size == 256 * 512 * bytes_per_weight + (256 * 4 if kind == "int8" else 0)
