"""Layers for tags and spans, and the layer for losses, with bert4keras's arguments."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook import layers
from hornbook.compat.building.recorded import Recorded
from hornbook.compat.building.transformer_layers import serializable
from hornbook.compat.keras.keras2_layers import Layer
from hornbook.layers.tagging.masked_scores import is_masked
from hornbook.layers.tensors import Initializer, Shape, Tensor


class TagLosses:
    """Losses and accuracies of layers of tags, for `compile`."""

    def sparse_loss(self: Any, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The negative log-likelihood of each text's tags, `(batch,)`."""
        y_true = ops.reshape(y_true, ops.shape(y_pred)[:-1])
        return -self.log_likelihood(y_pred, y_true)

    def dense_loss(self: Any, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.sparse_loss(ops.argmax(y_true, axis=2), y_pred)

    def sparse_accuracy(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The share of tokens whose tag has the highest emission, without transitions."""
        y_true = ops.reshape(ops.cast(y_true, "int32"), ops.shape(y_pred)[:-1])
        real = ops.cast(~ops.all(is_masked(y_pred), axis=-1), "float32")
        correct = ops.cast(ops.equal(y_true, ops.argmax(y_pred, axis=-1)), "float32")
        return ops.sum(correct * real) / ops.sum(real)

    def dense_accuracy(self: Any, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.sparse_accuracy(ops.argmax(y_true, axis=2), y_pred)


@serializable
class ConditionalRandomField(Recorded, TagLosses, layers.CRF):
    """`CRF` without scores for the first and the last tag."""

    def __init__(self, lr_multiplier: float = 1, **kwargs: Any) -> None:
        super().__init__(
            0,
            transition_multiplier=lr_multiplier,
            transition_initializer="glorot_uniform",
            **kwargs,
        )

    def build(self, shape: Shape) -> None:
        self.num_tags = shape[-1]
        super().build(shape)
        self.stored_start.trainable = self.stored_end.trainable = False

    def in_checkpoint(self) -> list[Any]:
        return [self.stored_transitions]

    @property
    def trans(self) -> Tensor:
        return self.scores()[0]


@serializable
class MaximumEntropyMarkovModel(Recorded, TagLosses, layers.MEMM):
    """`MEMM`, whose loss is the mean over tokens."""

    def __init__(
        self, lr_multiplier: float = 1, hidden_dim: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(0, rank=hidden_dim, transition_multiplier=lr_multiplier, **kwargs)

    def build(self, shape: Shape) -> None:
        self.num_tags = shape[-1]
        super().build(shape)

    def sparse_loss(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        real = ops.cast(~ops.all(is_masked(y_pred), axis=-1), "float32")
        return ops.sum(super().sparse_loss(y_true, y_pred)) / ops.sum(real)

    @property
    def trans(self) -> Tensor:
        return self.scores()


@serializable
class GlobalPointer(Recorded, layers.GlobalPointer):
    """`hornbook.layers.GlobalPointer`."""

    def __init__(
        self,
        heads: int,
        head_size: int,
        RoPE: bool = True,
        use_bias: bool = True,
        tril_mask: bool = True,
        kernel_initializer: Initializer = "lecun_normal",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            heads,
            head_size,
            rotary=RoPE,
            triangular=tril_mask,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            **kwargs,
        )


@serializable
class EfficientGlobalPointer(GlobalPointer, layers.EfficientGlobalPointer):
    """`hornbook.layers.EfficientGlobalPointer`."""

    def converted(self, values: list[Any]) -> list[Any]:
        """Returns weights of bert4keras, where query and key, end and start alternate, as ours."""
        size, types = 2 * self.head_size, 2 * self.num_types
        features = [*range(0, size, 2), *range(1, size, 2)]
        borders = [*range(1, types, 2), *range(0, types, 2)]
        middle = len(values) // 2
        first = [value[..., features] for value in values[:middle]]
        kernel, *bias = values[middle:]
        return [*first, kernel[features][:, borders], *(each[borders] for each in bias)]


@serializable
class Loss(Layer):
    """A layer that adds `compute_loss(inputs, mask)` to the loss and passes inputs on."""

    def __init__(self, output_axis: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_axis = output_axis

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_axis": self.output_axis}

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is not None and all(each is None for each in keras.tree.flatten(mask)):
            mask = None
        self.add_loss(self.compute_loss(inputs, mask), inputs=inputs)
        return self._outputs(inputs)

    def compute_loss(self, inputs: Any, mask: Any = None) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None if mask is None else self._outputs(mask)

    def _outputs(self, values: Any) -> Any:
        if self.output_axis is None:
            return values
        if isinstance(self.output_axis, list | tuple):
            return [values[axis] for axis in self.output_axis]
        return values[self.output_axis]
