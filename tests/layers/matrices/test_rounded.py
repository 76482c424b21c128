"""Matrices in 8 and 4 bits: how close their products are, and who may use them."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.layers.matrices.dense import Dense, TokenEmbedding
from hornbook.layers.matrices.frozen import WIDEST, FrozenPolicy
from hornbook.layers.matrices.rounded import RoundedMatrix

pytestmark = pytest.mark.backend


def matrix_of(values, kind, **options):
    matrix = RoundedMatrix(*values.shape, kind, **options)
    matrix.build()
    matrix.assign(values)
    return matrix


def largest_step(values, kind):
    """How far apart two numbers are that a weight can be rounded to, a half of it for each."""
    if kind == "int8":
        return np.abs(values).max(axis=1, keepdims=True) / 127 / 2
    groups = np.pad(values, ((0, 0), (0, -values.shape[1] % 32))).reshape(len(values), -1, 32)
    steps = np.abs(groups).max(axis=2) / 7 / 2 * 1.05  # its scales are rounded too
    return np.repeat(steps, 32, axis=1)[:, : values.shape[1]]


@pytest.mark.parametrize("kind", ["int8", "int4"])
@pytest.mark.parametrize("shape", [(3, 5), (40, 70), (300, 64), (3, 2 * WIDEST + 1)])
def test_every_weight_is_off_by_half_a_step_at_most(kind, shape):
    values = np.random.default_rng(0).normal(size=shape).astype("float32")
    found = ops.convert_to_numpy(matrix_of(values, kind).take(np.arange(shape[0])))
    assert np.all(np.abs(found - values) <= largest_step(values, kind) + 1e-6)


@pytest.mark.parametrize("kind", ["int8", "int4"])
@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("columns", [70, WIDEST + 10])
def test_a_product_is_that_with_the_rounded_weights_and_rows_do_not_mix(kind, rows, columns):
    random = np.random.default_rng(1)
    matrix = matrix_of(random.normal(size=(300, columns)).astype("float32"), kind)
    x = random.normal(size=(rows, 1, columns)).astype("float32")
    x[0] *= 1000
    rounded = ops.convert_to_numpy(matrix.take(np.arange(300)))
    found = ops.convert_to_numpy(matrix(x))
    assert found.shape == (rows, 1, 300)
    expected = x @ rounded.T
    for one, other, row in zip(found, expected, x, strict=True):
        # PyTorch's kernel of 4 bits takes bfloat16, its kernel of 8 two times 7 bits
        tolerance = (2e-2 if kind == "int4" else 1e-3) * (columns / 70) ** 0.5
        np.testing.assert_allclose(one, other, atol=tolerance * np.abs(row).max(), rtol=5e-3)


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_layers_compute_what_the_same_layers_of_floats_do(kind):
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
    close = {"atol": 0.01 if kind == "int8" else 0.15, "rtol": 0}
    np.testing.assert_allclose(*(ops.convert_to_numpy(f(x)) for f in (plain, dense)), **close)

    table = random.normal(size=(50, 64)).astype("float32") / 20
    words = TokenEmbedding(50, 64, dtype=policy)
    words.build()
    words.matrix.assign(table)
    ids = np.array([[0, 49, 7]])
    np.testing.assert_allclose(ops.convert_to_numpy(words(ids)), table[ids], **close)
    logits = ops.convert_to_numpy(words(x, reverse=True))
    np.testing.assert_allclose(logits, x @ table.T, **close)


def test_no_number_of_rows_is_special():
    for rows in (1, 16, 33, 48, 100, 128, 129):
        values = np.random.default_rng(rows).normal(size=(rows, 32)).astype("float32")
        for kind in ("int8", "int4"):
            matrix = matrix_of(values, kind)
            rounded = ops.convert_to_numpy(matrix.take(np.arange(rows)))
            found = ops.convert_to_numpy(matrix(np.eye(32, dtype="float32")))
            np.testing.assert_allclose(found.T, rounded, atol=1e-2, rtol=1e-2)


def test_nothing_of_it_is_trained_and_it_takes_little_memory():
    for kind, bytes_each in (("int8", 1), ("int4", 0.5 + 4 / 32)):
        dense = Dense(256, dtype=FrozenPolicy("float32", kind))
        dense.build((None, 512))
        assert [v.name for v in dense.trainable_variables] == ["bias"]
        held = sum(ops.convert_to_numpy(v.value).nbytes for v in dense.matrix.variables)
        assert held == 256 * 512 * bytes_each + (256 * 4 if kind == "int8" else 0)
