"""The gated linear unit."""

from __future__ import annotations

from typing import Any

import keras

from hornbook.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class GatedLinearUnit(keras.layers.Layer):
    """A linear layer times the sigmoid of another: `(W x + b) * sigmoid(V x + c)`.

    Args:
        units: Number of output features.

    Call arguments:
        x: `(batch, features)`.

    Returns:
        `(batch, units)`.

    Reference: https://arxiv.org/abs/1612.08083
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = units
        self.linear = keras.layers.Dense(units, name="linear", dtype=self.dtype_policy)
        self.gate = keras.layers.Dense(
            units, activation="sigmoid", name="gate", dtype=self.dtype_policy
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
        }

    def build(self, x_shape: Shape) -> None:
        self.linear.build(x_shape)
        self.gate.build(x_shape)

    def call(self, x: Tensor) -> Tensor:
        return self.linear(x) * self.gate(x)

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        return (*x_shape[:-1], self.units)
