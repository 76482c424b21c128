"""The heads of fine-tuned checkpoints: text classification, token classification, QA."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.activations import activation
from hornbook.layers.attention.masks import first_mask
from hornbook.layers.matrices.dense import Dense
from hornbook.layers.parts import Part
from hornbook.layers.tensors import Policy, Shape, Tensor
from hornbook.models.blocks import norm, normal
from hornbook.models.configuration.configured_layer import ConfiguredLayer
from hornbook.models.configuration.transformer_config import TransformerConfig


@keras.saving.register_keras_serializable("hornbook")
class TaskHead(Part, ConfiguredLayer):
    """Logits of labels, as in transformers; without dropout.

    Args:
        config: The `TransformerConfig`: `classifier_transform` and `classifier_act` decide the
            hidden layer.
        units: Number of logits.
        pooling: `"cls"` for the first token, `"mean"` for the mean without padding, `"last"` for
            the last token before padding.  Defaults to logits per token, or of a pooled vector.
        transform: Whether there is a hidden layer with an activation.
        use_bias: Whether the output layer has a bias.

    Call arguments:
        x: `(batch, length, features)`, or `(batch, features)` when `pooling` is None.
        padding_mask: `(batch, length)`, True or 1 at tokens.  Defaults to the mask that Keras
            carries with `x`, and without one to no padding.
        condition: `(batch, condition_size)`, for the norm of a transform.
        mask, x_mask: Filled in by Keras.

    Returns:
        `(batch, units)`, or `(batch, length, units)`, in float32.
    """

    def __init__(
        self,
        config: TransformerConfig,
        units: int,
        *,
        pooling: Any = None,
        transform: Any = False,
        use_bias: bool | str = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(config, **kwargs)
        self.units = units
        self.pooling = pooling
        self.transform = transform
        self.use_bias = use_bias
        self.dense: Any = None
        self.norm: Any = None
        if transform:
            has_norm = config.classifier_transform == "head"
            act = config.language_head_act if has_norm else config.classifier_act
            self.dense = self._dense(
                "dense",
                config.hidden_size,
                act or config.hidden_act,
                config.use_bias or not has_norm,
            )
            if has_norm:
                self.norm = norm(config, self.dtype_policy, "norm")
        self.output_dense = self._dense("output_dense", units, None, use_bias)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "pooling": self.pooling,
            "transform": self.transform,
            "use_bias": self.use_bias,
        }

    def _dense(self, name: str, units: int, act: Any, use_bias: bool | str) -> Dense:
        return Dense(
            units,
            activation=activation(act) if act else None,
            use_bias=bool(use_bias),
            kernel_initializer=normal(self.config),
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, x_shape: Shape) -> None:
        shape = (None, self.config.hidden_size)
        for layer in (self.dense, self.norm, self.output_dense):
            if layer is not None:
                layer.build(shape)

    def call(
        self,
        x: Tensor,
        padding_mask: Tensor = None,
        condition: Tensor = None,
        mask: Tensor = None,
        x_mask: Tensor = None,
    ) -> Tensor:
        x = self._pooled(x, first_mask(padding_mask, mask, x_mask))
        return ops.cast(self.output_dense(self._transformed(x, condition)), "float32")

    def _transformed(self, x: Tensor, condition: Tensor) -> Tensor:
        x = x if self.dense is None else self.dense(x)
        return x if self.norm is None else self.norm(x, condition)

    def _pooled(self, x: Tensor, padding_mask: Tensor) -> Tensor:
        if self.pooling is None:
            return x
        if self.pooling == "cls":
            return x[:, 0]
        if padding_mask is None:
            return x[:, -1] if self.pooling == "last" else ops.mean(x, axis=1)
        mask = ops.cast(padding_mask, "int32")
        if self.pooling == "last":
            index = ops.argmax(mask * ops.arange(1, ops.shape(x)[1] + 1), axis=1)
            return ops.take_along_axis(x, index[:, None, None], axis=1)[:, 0]
        weights = ops.cast(mask, x.dtype)[..., None]
        return ops.sum(x * weights, axis=1) / ops.sum(weights, axis=1)

    def compute_mask(self, x: Tensor, previous_mask: Tensor) -> Tensor:
        return previous_mask if self.pooling is None else None

    def compute_output_spec(self, x: Tensor, *others: Tensor, **options: Tensor) -> Tensor:
        shape = x.shape if self.pooling is None else (x.shape[0], x.shape[-1])
        return keras.KerasTensor((*shape[:-1], self.units), "float32")


def make_task_head(name: str, config: TransformerConfig, dtype: Policy) -> TaskHead:
    """Creates one of `TASK_HEADS`.

    Args:
        name: Name of the head.
        config: The `TransformerConfig`.
        dtype: Keras's data type policy.
    """
    options: dict[str, Any] = {"name": name, "dtype": dtype}
    options["transform"] = config.classifier_transform == "head"
    if name == "question_answering":  # start and end of the answer
        return TaskHead(config, 2, **options)
    if name == "classification" and config.classifier_pooling != "pooler":
        options["pooling"] = config.classifier_pooling
        options["transform"] = config.classifier_transform != "none"
        options["use_bias"] = config.classifier_pooling != "last"
    return TaskHead(config, config.num_labels, **options)
