"""The interface of devices to a training, for one device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

Arrays = dict[str, np.ndarray]


class Devices:
    """One device; subclasses are several.

    Attributes:
        count: Number of devices.
        loss_scale: Factor on the loss, where the backend divides it by the number of devices.
        is_first: Whether this process writes files.
        accumulates: Whether gradients can be accumulated over several batches.
        launches: Whether other processes have to do the training.
    """

    count = 1
    loss_scale = 1.0
    is_first = True
    accumulates = True
    launches = False

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """The context in which the model is made, trained and measured."""
        yield

    def train(self, model: keras.Model, arrays: Arrays) -> float:
        """Trains on one batch; returns the loss over all devices."""
        return float(model.train_on_batch(arrays))

    def prepare(self, optimizer: Any) -> None:
        """Called with the optimizer of a new training."""

    def predict(self, model: keras.Model, arrays: Arrays) -> Arrays:
        """Returns the outputs for a batch."""
        outputs: Arrays = model.predict_on_batch(arrays)
        return outputs

    def wait(self) -> None:
        """Waits until every process has called it."""
