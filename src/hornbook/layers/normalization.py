"""Layer normalization that can listen to a condition."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("hornbook")
class ConditionalLayerNormalization(keras.layers.Layer):
    """Layer normalization whose scale and offset are shifted by a condition vector.

    `y = norm(x) * (gamma + W c) + (beta + V c)`.  `W` and `V` start at zero, so a
    pretrained model computes exactly what it did before the condition was added.

    Args:
        epsilon: Added to the variance.  Google checkpoints use `1e-12`.
        condition_size: Features of the condition; None for plain layer normalization.

    Call arguments:
        x: `(batch, length, features)`.
        condition: `(batch, condition_size)`; required exactly when `condition_size` is set.

    Returns:
        `(batch, length, features)`, in the compute dtype; statistics are float32 or better.

    Reference: https://kexue.fm/archives/7124
    """

    def __init__(self, *, epsilon: float = 1e-12, condition_size: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.condition_size = condition_size

    def build(self, x_shape):
        features = (x_shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=features, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=features, initializer="zeros")
        if self.condition_size is not None:
            shape = (self.condition_size, *features)
            self.gamma_kernel = self.add_weight(
                name="gamma_kernel", shape=shape, initializer="zeros"
            )
            self.beta_kernel = self.add_weight(name="beta_kernel", shape=shape, initializer="zeros")

    def call(self, x, condition=None):
        if (condition is None) != (self.condition_size is None):
            raise ValueError(
                f"{self.name} was built with condition_size={self.condition_size}, so it "
                f"{'needs a' if condition is None else 'takes no'} condition."
            )
        # half precision loses the variance of long vectors, and 1e-12 with it
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        x = ops.cast(x, dtype)
        gamma, beta = ops.cast(self.gamma, dtype), ops.cast(self.beta, dtype)
        if condition is None:
            y = ops.layer_normalization(x, gamma, beta, axis=-1, epsilon=self.epsilon)
        else:
            condition = ops.cast(condition, dtype)[:, None, :]  # (batch, 1, condition_size)
            gamma = gamma + ops.matmul(condition, ops.cast(self.gamma_kernel, dtype))
            beta = beta + ops.matmul(condition, ops.cast(self.beta_kernel, dtype))
            y = ops.layer_normalization(x, axis=-1, epsilon=self.epsilon) * gamma + beta
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, x_shape, condition_shape=None):
        return x_shape
