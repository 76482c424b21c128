"""Rotary positions: query and key are rotated by an angle proportional to the position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from hornbook.layers.positions.rotary_scaling import rotary_attention_factor, rotary_frequencies
from hornbook.layers.tensors import Tensor


@keras.saving.register_keras_serializable("hornbook")
class RotaryPositions(keras.layers.Layer):
    """Returns the cosines and sines with which `rotate` rotates pairs of features.

    The product of a rotated query and a rotated key depends on their distance only, so there
    are no weights and no maximum position.

    Args:
        head_size: Features of a head, an even number.
        base, scaling: See `rotary_frequencies`.

    Call arguments:
        position_ids: Integers `(batch or 1, length)`.

    Returns:
        Cosines and sines, each `(batch or 1, 1, length, head_size / 2)`, in float32, times the
        attention factor of the scaling, if it has one.

    Reference: https://kexue.fm/archives/8265
    """

    def __init__(
        self,
        head_size: int,
        *,
        base: float = 10000.0,
        scaling: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.head_size = head_size
        self.base = base
        self.scaling = None if scaling is None else dict(scaling)
        if head_size % 2:
            raise ValueError(f"{head_size} features of a head cannot be divided into pairs.")
        self.frequencies = rotary_frequencies(head_size, base, scaling).astype("float32")
        self.attention_factor = rotary_attention_factor(scaling)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "head_size": self.head_size,
            "base": self.base,
            "scaling": self.scaling,
        }

    def call(self, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        positions = ops.cast(position_ids, "float32")[:, None, :, None]
        angles = positions * ops.convert_to_tensor(self.frequencies)
        return ops.cos(angles) * self.attention_factor, ops.sin(angles) * self.attention_factor

    def compute_mask(self, position_ids: Tensor, previous_mask: Tensor) -> None:
        """Angles have no mask."""

    def compute_output_spec(self, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        batch, length = position_ids.shape
        shape = (batch, 1, length, self.head_size // 2)
        return keras.KerasTensor(shape, "float32"), keras.KerasTensor(shape, "float32")


def rotate(x: Tensor, rotary: tuple[Tensor, Tensor], pairs: str = "interleaved") -> Tensor:
    """Rotates every pair of features by its angle.

    Args:
        x: `(batch, heads, length, head_size)`.
        rotary: Cosines and sines from `RotaryPositions`.
        pairs: `"interleaved"`: features 0 and 1, 2 and 3 ... (RoFormer); `"halves"`: feature
            `i` of the first half and feature `i` of the second.

    Returns:
        The shape and type of `x`.
    """
    cos, sin = rotary
    y = ops.cast(x, cos.dtype)
    if pairs == "interleaved":
        first, second = y[..., ::2], y[..., 1::2]
    else:
        first, second = ops.split(y, 2, axis=-1)
    parts = [first * cos - second * sin, second * cos + first * sin]
    if pairs == "interleaved":
        y = ops.reshape(ops.stack(parts, axis=-1), ops.shape(x))
    else:
        y = ops.concatenate(parts, axis=-1)
    return ops.cast(y, x.dtype)
