"""The loss of a layer of tags, in a form that `compile` takes and a saved model survives."""

from __future__ import annotations

from typing import Any, Self

import keras

from hornbook.layers.tensors import Tensor


@keras.saving.register_keras_serializable("hornbook")
class TagLoss:
    """The negative log-likelihood of tags, with the weights of the layer it belongs to.

    A model that was compiled with it can be saved, loaded and cloned.  The new model has new
    weights, which this loss does not know: before it is trained further it must be compiled again,
    with the loss of its own layer.

    Call arguments:
        tags: Integers `(batch, length)`.  Where they are negative is no token.
        emissions: `(batch, length, tags)`, before or after the layer.
        padding_mask: `(batch, length)`, True or 1 at real tokens.  Defaults to what the emissions
            say.

    Returns:
        `(batch,)`, never below 0.

    Raises:
        ValueError: the loss was loaded from a file.
    """

    def __init__(self, layer: Any = None) -> None:
        self.layer = layer

    def __call__(self, tags: Tensor, emissions: Tensor, padding_mask: Tensor = None) -> Tensor:
        if self.layer is None:
            raise ValueError(
                "The loss of a loaded or cloned model does not know the weights of its tags. "
                "Compile the model again with the loss of its own layer: "
                "model.compile(optimizer, loss=layer.loss)."
            )
        return -self.layer.log_likelihood(emissions, tags, padding_mask)

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls()
