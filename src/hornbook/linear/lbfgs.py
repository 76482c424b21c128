"""L-BFGS: the minimum of a smooth convex function from its gradients.

SciPy's also keeps bounds, for which each of its steps here takes several times as long as the
function itself.  Sums are NumPy's own and not BLAS's: the same bytes with any number of threads.

Reference: Nocedal & Wright, Numerical Optimization, algorithm 7.4.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

MEMORY = 8  # steps remembered
SUFFICIENT = 1e-4  # share of the expected fall that a step must bring
SHORTEST = 1e-8  # of a full step


def minimum(
    objective: Callable[[np.ndarray], tuple[float, np.ndarray]],
    point: np.ndarray,
    *,
    steps: int,
    slope: float,
) -> np.ndarray:
    """Goes downhill from `point`.

    Args:
        objective: Gives value and gradient at a point.
        point: Where to begin, `(numbers,)` float64.
        steps: At most.
        slope: Where no entry of the gradient is greater, it stops.
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
                break  # nothing lower can be told apart
            memory.clear()  # it misleads: straight downhill
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
    """The direction of a Newton step, with what the last steps tell of the second derivatives."""
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
