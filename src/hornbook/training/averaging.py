"""The exponential moving average of the weights, which scores better than the last step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras
import numpy as np


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Assigns the optimizer's averages to the model; restores its own weights afterwards."""
    if not model.optimizer.use_ema:
        yield
        return
    variables = model.trainable_variables
    weights = copies(variables)
    model.optimizer.finalize_variable_values(variables)
    # on JAX each variable now shares its buffer with the optimizer's average, and donating one of
    # them deletes both
    assign_values(variables, copies(variables))
    try:
        yield
    finally:
        assign_values(variables, weights)


def copies(variables: list[keras.Variable]) -> list[np.ndarray]:
    """Returns copies of the values: on some backends arrays are views of the variables."""
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


def assign_values(variables: list[keras.Variable], values: list[np.ndarray]) -> None:
    """Assigns a value to each variable."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
