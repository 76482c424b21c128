"""What a training asks of its devices: the answers of one device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

Arrays = dict[str, np.ndarray]


class Devices:
    """One device: what a training asks of its devices, and the others answer differently.

    Attributes:
        count: How many there are.
        loss_scale: What the loss is multiplied by, where the backend divides it by their number.
        is_first: Whether this process writes files.
        accumulates: Whether a step may have parts that are computed one after the other.
        launches: Whether the training has to be done by other processes.
    """

    count = 1
    loss_scale = 1.0
    is_first = True
    accumulates = True
    launches = False

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Where the model is made, trained and measured."""
        yield

    def train(self, model: keras.Model, arrays: Arrays) -> float:
        """One batch; returns the loss over all devices."""
        return float(model.train_on_batch(arrays))

    def prepare(self, optimizer: Any) -> None:
        """Called with the optimizer of a new training."""

    def predict(self, model: keras.Model, arrays: Arrays) -> Arrays:
        """The outputs for a batch."""
        return model.predict_on_batch(arrays)

    def wait(self) -> None:
        """Until every process is here."""
