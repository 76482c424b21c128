from __future__ import annotations

import numpy as np
import pytest

from hornbook.linear.lbfgs import minimum

SLOPES = np.random.default_rng(0).normal(size=(9, 4))


def bowl(point):
    """Returns a sum of log losses, and its gradient."""
    up, down = SLOPES @ point, 0.3 - SLOPES @ point
    value = np.logaddexp(0, up) + np.logaddexp(0, down)
    return float(value.sum()), SLOPES.T @ (1 / (1 + np.exp(-up)) - 1 / (1 + np.exp(-down)))


def test_the_minimum_is_that_of_scipy():
    optimize = pytest.importorskip("scipy.optimize")
    start = np.array([3.0, -2.0, 1.0, 0.0])
    expected = optimize.minimize(bowl, start, jac=True, method="BFGS", options={"gtol": 1e-9})
    point = minimum(bowl, start, steps=200, slope=1e-9)
    np.testing.assert_allclose(point, expected.x, atol=1e-7)


def test_it_stops_at_a_flat_point_or_after_the_maximum_of_steps():
    start = np.array([3.0, -2.0, 1.0, 0.0])
    np.testing.assert_array_equal(minimum(bowl, start, steps=0, slope=0), start)
    np.testing.assert_array_equal(minimum(bowl, start, steps=9, slope=1e9), start)


def test_a_square_takes_few_steps():
    scales = np.array([1.0, 10.0, 100.0])
    calls = []

    def square(point):
        calls.append(point)
        return float(scales @ point**2) / 2, scales * point

    point = minimum(square, np.ones(3), steps=50, slope=1e-9)
    np.testing.assert_allclose(point, 0, atol=1e-9)
    assert len(calls) < 40
