"""The position-wise feed-forward network of a Transformer block."""

from __future__ import annotations

from typing import Any

import keras

from hornbook.layers.activations import activation
from hornbook.layers.matrices.dense import Dense
from hornbook.layers.tensors import Initializer, Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class FeedForward(keras.layers.Layer):
    """Projects each position to `intermediate_size`, applies an activation, and projects it back.

    Args:
        intermediate_size: Features between the projections.
        activation: Name of the activation, see `activation`.
        gated: Whether the activation is applied to a second projection, the `gate`, which
            multiplies the first (GLU, https://arxiv.org/abs/2002.05202).
        use_bias: Whether the projections have a bias.
        kernel_initializer: Initializer of the projections.

    Call arguments:
        x: `(batch, length, features)`.

    Returns:
        `(batch, length, features)`.
    """

    def __init__(
        self,
        intermediate_size: int,
        *,
        activation: str = "gelu",
        gated: bool = False,
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.intermediate_size = intermediate_size
        self.activation = activation
        self.gated = gated
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "intermediate_size": self.intermediate_size,
            "activation": self.activation,
            "gated": self.gated,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }

    def build(self, x_shape: Shape) -> None:
        size, name = self.intermediate_size, self.activation
        self.intermediate = self._dense("intermediate", size, None if self.gated else name)
        self.intermediate.build(x_shape)
        if self.gated:
            self.gate = self._dense("gate", size, name)
            self.gate.build(x_shape)
        self.output_dense = self._dense("output_dense", x_shape[-1], None)
        self.output_dense.build((*x_shape[:-1], self.intermediate_size))

    def _dense(self, name: str, units: int, activation_name: str | None) -> Dense:
        return Dense(
            units,
            activation=activation(activation_name),
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer.clone(),  # or the kernels would be equal
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, x: Tensor) -> Tensor:
        hidden = self.intermediate(x)
        return self.output_dense(self.gate(x) * hidden if self.gated else hidden)

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        return x_shape
