"""The interface between training and its devices, implemented for one device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

Arrays = dict[str, np.ndarray]


class Devices:
    """One device; subclasses stand for several.

    Attributes:
        count: Number of devices.
        loss_scale: Factor on the loss, where the backend divides it by the number of devices.
        is_first: Whether this process writes files.
        accumulates: Whether gradients can be accumulated over several batches.
        launches: Whether training happens in processes that are still to be launched.
    """

    count = 1
    loss_scale = 1.0
    is_first = True
    accumulates = True
    launches = False

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Returns the context in which the model is built, trained and evaluated."""
        yield

    def train(self, model: keras.Model, arrays: Arrays) -> float:
        """Trains on one batch; returns the loss over all devices."""
        return float(model.train_on_batch(arrays))

    def prepare(self, optimizer: Any) -> None:
        """Adapts the optimizer before training starts."""

    def predict(self, model: keras.Model, arrays: Arrays) -> Arrays:
        """Returns the outputs for a batch."""
        outputs: Arrays = model.predict_on_batch(arrays)
        return outputs

    def wait(self) -> None:
        """Waits until every process has called it."""
