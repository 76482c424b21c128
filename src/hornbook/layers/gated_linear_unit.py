"""Features that decide themselves how much of each of them counts."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable("hornbook")
class GatedLinearUnit(keras.layers.Layer):
    """A linear layer times the sigmoid of another: `(W x + b) * sigmoid(V x + c)`.

    Args:
        units: Features of the result.

    Call arguments:
        x: `(batch, features)`.

    Returns:
        `(batch, units)`.

    Reference: https://arxiv.org/abs/1612.08083
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.linear = keras.layers.Dense(units, name="linear", dtype=self.dtype_policy)
        self.gate = keras.layers.Dense(
            units, activation="sigmoid", name="gate", dtype=self.dtype_policy
        )

    def build(self, x_shape):
        self.linear.build(x_shape)
        self.gate.build(x_shape)

    def call(self, x):
        return self.linear(x) * self.gate(x)

    def compute_output_shape(self, x_shape):
        return (*x_shape[:-1], self.units)
