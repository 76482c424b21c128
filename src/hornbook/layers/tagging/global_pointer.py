"""Scores of all spans of a text, one for each pair of tokens and each type."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from hornbook.layers.attention.masks import first_mask
from hornbook.layers.matrices.dense import Dense
from hornbook.layers.positions.rotary import RotaryPositions, rotate
from hornbook.layers.tagging.masked_scores import MASKED
from hornbook.layers.tensors import Initializer, Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class GlobalPointer(keras.layers.Layer):
    """Scores every span of a text for every type, so that spans may be nested and overlap.

    The score of the span from token `i` to token `j`, both included, is `q_i k_j / sqrt(head_size)`
    with a query and a key of each type, turned by their positions.  A span is of a type where its
    score is above 0.  Trained with `span_crossentropy`.

    Args:
        num_types: Number of types.
        head_size: Features of a query and of a key, an even number with `rotary`.
        rotary: Whether scores depend on the distance of `i` and `j`.
        triangular: Whether `i <= j` in all spans.  False for links between any two tokens.
        use_bias: Whether query and key have a bias.
        kernel_initializer, bias_initializer: Of query and key.
        kernel_regularizer, bias_regularizer: Likewise.
        kernel_constraint, bias_constraint: Likewise.

    Call arguments:
        x: `(batch, length, features)`.
        padding_mask: `(batch, length)`, True or 1 at real tokens.  Defaults to the mask that Keras
            carries with `x`, and without one to all tokens.
        special_mask: `(batch, length)`, True or 1 at special tokens, such as [CLS] and [SEP], which
            no span begins or ends with; if `triangular`, no span contains one either.  Defaults to
            no token.
        mask, x_mask: Filled in by Keras.

    Returns:
        `(batch, num_types, length, length)`, in float32: the score of the span from token `i` to
        token `j` at `[:, :, i, j]`, and -1e9 where there can be none.

    References: https://kexue.fm/archives/8373, https://arxiv.org/abs/2208.03054
    """

    def __init__(
        self,
        num_types: int,
        head_size: int = 64,
        *,
        rotary: bool = True,
        triangular: bool = True,
        use_bias: bool = True,
        kernel_initializer: Initializer = "lecun_normal",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.num_types = num_types
        self.head_size = head_size
        self.rotary = rotary
        self.triangular = triangular
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.positions = (
            RotaryPositions(head_size, dtype=self.dtype_policy, name="positions")
            if rotary
            else None
        )

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "num_types": self.num_types,
            "head_size": self.head_size,
            "rotary": self.rotary,
            "triangular": self.triangular,
            "use_bias": self.use_bias,
        }
        for part in ("kernel", "bias"):
            for kind in ("initializer", "regularizer", "constraint"):
                serialize = getattr(keras, f"{kind}s").serialize
                config[f"{part}_{kind}"] = serialize(getattr(self, f"{part}_{kind}"))
        return config

    def build(self, x_shape: Shape) -> None:
        self.query_key = self._dense("query_key", self.num_types * 2 * self.head_size)
        self.query_key.build(x_shape)

    def _dense(self, name: str, units: int) -> Dense:
        return Dense(
            units,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer.clone(),  # else equal kernels
            bias_initializer=self.bias_initializer,
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy,
            name=name,
        )

    def call(
        self,
        x: Tensor,
        padding_mask: Tensor = None,
        special_mask: Tensor = None,
        mask: Tensor = None,
        x_mask: Tensor = None,
    ) -> Tensor:
        scores = self._scores(x)
        possible = self._possible(first_mask(padding_mask, mask, x_mask), special_mask)
        if self.triangular:
            positions = ops.arange(ops.shape(x)[1])
            ordered = (positions[:, None] <= positions[None, :])[None]
            possible = ordered if possible is None else ops.logical_and(possible, ordered)
        if possible is None:
            return scores
        return ops.where(possible[:, None], scores, ops.cast(MASKED, scores.dtype))

    def _scores(self, x: Tensor) -> Tensor:
        return self._products(self.query_key(x), self.num_types)

    def _products(self, features: Tensor, heads: int) -> Tensor:
        """The products of queries and keys that lie side by side in `(batch, length, heads * 2 *
        head_size)`: `(batch, heads, length, length)`."""
        batch, length = ops.shape(features)[:2]
        # a score decides by its sign, and half precision rounds those near 0 away from each other
        features = ops.cast(features, "float32")
        features = ops.reshape(features, (batch, length, heads, 2, self.head_size))
        features = ops.transpose(features, (3, 0, 2, 1, 4))
        query, key = features[0], features[1]  # (batch, heads, length, head_size)
        if self.positions is not None:
            rotary = self.positions(ops.arange(length)[None])
            query, key = rotate(query, rotary), rotate(key, rotary)
        products = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))
        return products / math.sqrt(self.head_size)

    def _possible(self, padding_mask: Tensor, special_mask: Tensor) -> Tensor:
        """Where the tokens of both ends can be of a span, `(batch, length, length)`, or None."""
        ends = None if padding_mask is None else ops.cast(padding_mask, "bool")
        possible = None
        if special_mask is not None:
            special = ops.cast(special_mask, "bool")
            ends = ops.logical_and(ends, ~special) if ends is not None else ~special
            if self.triangular:
                # as many special tokens before one end as before the other: none between them
                before = ops.cumsum(ops.cast(special, "int32"), axis=1)
                possible = before[:, :, None] == before[:, None, :]
        if ends is None:
            return possible
        both = ops.logical_and(ends[:, :, None], ends[:, None, :])
        return both if possible is None else ops.logical_and(both, possible)

    def compute_mask(self, x: Tensor, previous_mask: Tensor) -> None:
        """The scores are masked themselves."""

    def compute_output_spec(self, x: Tensor, *others: Any, **options: Any) -> Tensor:
        batch, length, _ = x.shape
        return keras.KerasTensor((batch, self.num_types, length, length), "float32")


@keras.saving.register_keras_serializable("hornbook")
class EfficientGlobalPointer(GlobalPointer):
    """`GlobalPointer` with one query and one key for all types.

    The score of a span is `q_i k_j / sqrt(head_size)`, whatever the type, plus a score of the type
    to begin at `i` and one to end at `j`, linear in `[q; k]` of each token.  For `d` features and
    `K` types it has `2 d head_size + 4 K head_size` parameters in place of `2 d K head_size`.

    Arguments, call arguments and result are those of `GlobalPointer`.

    Reference: https://kexue.fm/archives/8877
    """

    def build(self, x_shape: Shape) -> None:
        self.query_key = self._dense("query_key", 2 * self.head_size)
        self.query_key.build(x_shape)
        self.start_end = self._dense("start_end", 2 * self.num_types)
        self.start_end.build((*x_shape[:-1], 2 * self.head_size))

    def _scores(self, x: Tensor) -> Tensor:
        features = self.query_key(x)
        borders = ops.transpose(ops.cast(self.start_end(features), "float32"), (0, 2, 1)) / 2
        start, end = borders[:, : self.num_types], borders[:, self.num_types :]
        return self._products(features, 1) + start[:, :, :, None] + end[:, :, None, :]
