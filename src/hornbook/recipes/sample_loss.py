"""A Keras loss from a function that returns a loss per sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def sample_loss(loss_of_samples: Callable[[Any, Any], Any]) -> Any:
    """Makes a `keras.losses.Loss`, averaged by the weights of the samples.

    Args:
        loss_of_samples: Returns the losses, `(batch,)`, of labels and outputs.
    """
    import keras

    class SampleLoss(keras.losses.Loss):
        def call(self, labels: Any, outputs: Any) -> Any:
            return loss_of_samples(labels, outputs)

    return SampleLoss(reduction="mean_with_sample_weight")
