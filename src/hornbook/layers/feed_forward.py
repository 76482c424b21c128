"""The position-wise feed-forward network of a Transformer block."""

from __future__ import annotations

from typing import Any

import keras

from hornbook.layers.activations import activation
from hornbook.layers.matrices.dense import Dense
from hornbook.layers.tensors import Initializer, Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class FeedForward(keras.layers.Layer):
    """Widens each position, applies an activation, and narrows it again.

    Args:
        intermediate_size: Features in between.
        activation: Name of the activation, see `activation`.
        gated: Whether a second widening, the `gate`, is activated instead, and multiplies the
            first (GLU, https://arxiv.org/abs/2002.05202).
        use_bias: Whether the projections have a bias.
        kernel_initializer: Of the projections.

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
        wide, activated = self.intermediate_size, self.activation
        self.intermediate = self._dense("intermediate", wide, None if self.gated else activated)
        self.intermediate.build(x_shape)
        if self.gated:
            self.gate = self._dense("gate", wide, activated)
            self.gate.build(x_shape)
        self.output_dense = self._dense("output_dense", x_shape[-1], None)
        self.output_dense.build((*x_shape[:-1], self.intermediate_size))

    def _dense(self, name: str, units: int, activation_name: str | None) -> Dense:
        return Dense(
            units,
            activation=activation(activation_name),
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer.clone(),  # else equal kernels
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, x: Tensor) -> Tensor:
        wide = self.intermediate(x)
        return self.output_dense(self.gate(x) * wide if self.gated else wide)

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        return x_shape
