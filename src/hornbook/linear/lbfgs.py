"""L-BFGS: minimizes a smooth convex function by its gradients.

SciPy's version also supports bounds, which makes its steps several times slower than the function
itself here.  Sums are computed by NumPy, not BLAS: the same bytes with any number of threads.

Reference: Nocedal & Wright, Numerical Optimization, algorithm 7.4.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

MEMORY = 8  # number of remembered steps
SUFFICIENT = 1e-4  # minimum share of the expected decrease (Armijo)
SHORTEST = 1e-8  # minimum step length, relative to a full step


def minimum(
    objective: Callable[[np.ndarray], tuple[float, np.ndarray]],
    point: np.ndarray,
    *,
    steps: int,
    slope: float,
) -> np.ndarray:
    """Minimizes a function from a start point.

    Args:
        objective: Returns value and gradient at a point.
        point: Start point, `(numbers,)` float64.
        steps: Maximum number of steps.
        slope: Stops when no entry of the gradient is larger.
    """
    value, gradient = objective(point)
    memory: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=MEMORY)
    for _ in range(steps):
        if np.abs(gradient).max() <= slope:
            break
        direction = _downhill(gradient, memory)
        expected = _dot(direction, gradient)
        length = 1.0
        while length >= SHORTEST:
            new_point = point + length * direction
            new_value, new_gradient = objective(new_point)
            if new_value <= value + SUFFICIENT * length * expected:
                break
            length /= 2
        else:
            if not memory:
                break  # no measurable decrease
            memory.clear()  # misleading: restart with steepest descent
            continue
        moved, turned = new_point - point, new_gradient - gradient
        curvature = _dot(moved, turned)
        if curvature > 0:
            memory.append((moved, turned, curvature))
        point, value, gradient = new_point, new_value, new_gradient
    return point


def _downhill(
    gradient: np.ndarray, memory: deque[tuple[np.ndarray, np.ndarray, float]]
) -> np.ndarray:
    """Returns the direction of a quasi-Newton step (two-loop recursion)."""
    direction = -gradient
    shares = []
    for moved, turned, curvature in reversed(memory):
        shares.append(_dot(moved, direction) / curvature)
        direction -= shares[-1] * turned
    if memory:
        _, turned, curvature = memory[-1]
        direction *= curvature / _dot(turned, turned)
    for (moved, turned, curvature), share in zip(memory, reversed(shares), strict=True):
        direction += (share - _dot(turned, direction) / curvature) * moved
    return direction


def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.einsum("i,i->", a, b))
