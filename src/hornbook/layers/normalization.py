"""Layer normalization, optionally conditional."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.activations import activation
from hornbook.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class ConditionalLayerNormalization(keras.layers.Layer):
    """Layer normalization whose scale and offset are shifted by a condition vector.

    `y = norm(x) * (gamma + W c) + (beta + V c)`.  `W` and `V` start at zero, so a
    pretrained model computes exactly what it did before the condition was added.
    Without `gamma` or `beta`, the condition shifts 1 or 0 instead.

    Args:
        epsilon: Added to the variance.  Google checkpoints use `1e-12`.
        condition_size: Features of the condition.  Defaults to plain layer normalization.
        condition_hidden_size: Features of a hidden layer for the condition, one per norm.
            Defaults to no hidden layer.
        condition_hidden_act: Activation of the hidden layer.
        kind: `"layer"`, or `"rms"`, which divides by the root mean square and does not subtract the
            mean.
        scale: Whether there is a `gamma`.
        offset: Whether there is a `beta`.

    Call arguments:
        x: `(batch, length, features)`.
        condition: `(batch, condition_size)`; required exactly when `condition_size` is set.

    Returns:
        `(batch, length, features)`, in the compute dtype; statistics are float32 or better.

    Reference: https://kexue.fm/archives/7124
    """

    def __init__(
        self,
        *,
        epsilon: float = 1e-12,
        condition_size: int | None = None,
        condition_hidden_size: int | None = None,
        condition_hidden_act: str = "swish",
        kind: str = "layer",
        scale: bool = True,
        offset: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        if kind not in ("layer", "rms"):
            raise ValueError(f"kind is {kind!r}, expected 'layer' or 'rms'.")
        self.kind = kind
        self.scale = scale
        self.offset = offset
        self.epsilon = epsilon
        self.condition_size = condition_size
        self.condition_hidden_size = condition_hidden_size
        self.condition_hidden_act = condition_hidden_act

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "condition_size": self.condition_size,
            "condition_hidden_size": self.condition_hidden_size,
            "condition_hidden_act": self.condition_hidden_act,
            "kind": self.kind,
            "scale": self.scale,
            "offset": self.offset,
        }

    def build(self, x_shape: Shape) -> None:
        features = (x_shape[-1],)
        if self.scale:
            self.gamma = self.add_weight(name="gamma", shape=features, initializer="ones")
        if self.offset:
            self.beta = self.add_weight(name="beta", shape=features, initializer="zeros")
        if self.condition_size is not None:
            if self.condition_hidden_size is not None:
                self.hidden_kernel = self.add_weight(
                    name="hidden_kernel",
                    shape=(self.condition_size, self.condition_hidden_size),
                    initializer="glorot_uniform",
                )
            shape = (self.condition_hidden_size or self.condition_size, *features)
            self.gamma_kernel = self.add_weight(
                name="gamma_kernel", shape=shape, initializer="zeros"
            )
            self.beta_kernel = self.add_weight(name="beta_kernel", shape=shape, initializer="zeros")

    def call(self, x: Tensor, condition: Tensor = None) -> Tensor:
        if (condition is None) != (self.condition_size is None):
            raise ValueError(
                f"{self.name} was built with condition_size={self.condition_size}, so it "
                f"{'needs a' if condition is None else 'takes no'} condition."
            )
        # in half precision the variance of long vectors overflows, and 1e-12 underflows
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        x = ops.cast(x, dtype)
        gamma = ops.cast(self.gamma, dtype) if self.scale else None
        beta = ops.cast(self.beta, dtype) if self.offset else None
        if condition is None:
            y = self._normalize(x, gamma, beta)
        else:
            condition = ops.cast(condition, dtype)[:, None, :]  # (batch, 1, condition_size)
            if self.condition_hidden_size is not None:
                condition = ops.matmul(condition, ops.cast(self.hidden_kernel, dtype))
                act = activation(self.condition_hidden_act)
                condition = condition if act is None else act(condition)
            shift = ops.matmul(condition, ops.cast(self.gamma_kernel, dtype))
            y = self._normalize(x) * ((1.0 if gamma is None else gamma) + shift)
            shift = ops.matmul(condition, ops.cast(self.beta_kernel, dtype))
            y = y + (shift if beta is None else beta + shift)
        return ops.cast(y, self.compute_dtype)

    def _normalize(self, x: Tensor, gamma: Any = None, beta: Any = None) -> Tensor:
        if self.kind == "layer":
            return ops.layer_normalization(x, gamma, beta, axis=-1, epsilon=self.epsilon)
        y = ops.rms_normalization(x, gamma, axis=-1, epsilon=self.epsilon)
        return y if beta is None else y + beta

    def compute_output_shape(self, x_shape: Shape, condition_shape: Shape | None = None) -> Shape:
        return x_shape
