"""Hierarchical positions: many positions from few rows."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.layers.positions.hierarchical import hierarchical_positions

pytestmark = pytest.mark.backend

TABLE = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def test_the_first_positions_keep_their_vectors():
    computed = ops.convert_to_numpy(hierarchical_positions(TABLE, np.arange(6)[None]))
    np.testing.assert_allclose(computed[0], TABLE, atol=1e-6)


def test_every_position_follows_the_formula_and_no_two_are_equal():
    alpha = 0.4
    computed = ops.convert_to_numpy(hierarchical_positions(TABLE, np.arange(36), alpha))
    base = (TABLE - alpha * TABLE[0]) / (1 - alpha)
    for k, vector in enumerate(computed):
        expected = alpha * base[k // 6] + (1 - alpha) * base[k % 6]
        np.testing.assert_allclose(vector, expected, atol=1e-6)
    distances = np.abs(computed[:, None] - computed[None]).max(-1) + np.eye(36)
    assert distances.min() > 1e-3
