"""Averages of tokens, without padding."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.layers import MaskedAveragePooling

pytestmark = pytest.mark.backend

X = np.arange(24, dtype="float32").reshape(2, 3, 4)


def pooled(x, mask=None):
    return ops.convert_to_numpy(MaskedAveragePooling()(x, mask))


@pytest.mark.parametrize("dtype", ["int32", "bool", "float32"])
def test_padding_is_not_averaged(dtype):
    mask = np.array([[1, 1, 0], [1, 0, 0]], dtype)
    np.testing.assert_allclose(pooled(X, mask), [X[0, :2].mean(0), X[1, 0]])
    np.testing.assert_allclose(pooled(X), X.mean(1))


def test_the_vectors_of_padding_have_no_influence():
    x = X.copy()
    x[:, 2] = [np.nan, np.inf, -np.inf, 1e38]
    mask = np.array([[1, 1, 0], [1, 1, 0]])
    np.testing.assert_array_equal(pooled(X, mask), pooled(x, mask))


def test_the_average_of_a_text_of_padding_only_is_zero():
    assert not pooled(X, np.zeros((2, 3), "int32")).any()
