"""Multi-head scaled dot-product attention."""

from __future__ import annotations

import math

import keras
from keras import ops

from hornbook.layers.relative_positions import relative_scores, relative_values
from hornbook.layers.rotary import rotate

# far below any score, yet finite: a row that sees nothing stays free of NaN
HIDDEN = -1e30


@keras.saving.register_keras_serializable("hornbook")
class MultiHeadAttention(keras.layers.Layer):
    """Attends from `x` to `context` with several heads.

    Args:
        num_heads: Heads; divides the features of `x`.
        dropout: Rate on the attention probabilities in training.
        use_bias: Whether the four projections have a bias.
        kernel_initializer: Of the four projections.
        rotary_pairs: See `rotate`.

    Call arguments:
        x: `(batch, queries, features)`.
        context: `(batch, keys, features)`; None for self-attention.
        attention_mask: Boolean, broadcasts to `(batch, heads, queries, keys)`; True may be
            seen.  What is masked has exactly zero influence.
        attention_bias: Added to the scores; same shape.
        rotary: From `RotaryPositions`; query and key are turned by it.
        relative: From `RelativePositions`; added to keys and values.

    Returns:
        `(batch, queries, features)`.

    Reference: https://arxiv.org/abs/1706.03762
    """

    def __init__(
        self,
        *,
        num_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        rotary_pairs: str = "interleaved",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.rotary_pairs = rotary_pairs
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, x_shape):
        features = x_shape[-1]
        if features % self.num_heads:
            raise ValueError(f"{features} features cannot be shared by {self.num_heads} heads.")
        self.head_size = features // self.num_heads
        self.query = self._projection("query", x_shape)
        self.key = self._projection("key", x_shape)
        self.value = self._projection("value", x_shape)
        self.output_dense = self._projection("output_dense", x_shape)

    def _projection(self, name, shape):
        dense = keras.layers.Dense(
            shape[-1],
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer.clone(),  # else equal kernels
            dtype=self.dtype_policy,
            name=name,
        )
        dense.build(shape)
        return dense

    def call(
        self,
        x,
        context=None,
        attention_mask=None,
        attention_bias=None,
        rotary=None,
        relative=None,
        training=None,
    ):
        context = x if context is None else context
        query = self._split(self.query(x))
        key = self._split(self.key(context))
        value = self._split(self.value(context))
        if rotary is not None:
            query = rotate(query, rotary, self.rotary_pairs)
            key = rotate(key, rotary, self.rotary_pairs)
        plain = relative is None and not (training and self.dropout.rate)
        if plain and keras.config.backend() == "torch":
            attended = self._fused(query, key, value, attention_mask, attention_bias)
        else:
            attended = self._attend(
                query, key, value, attention_mask, attention_bias, relative, training
            )
        return self.output_dense(self._join(attended))

    def _attend(self, query, key, value, attention_mask, attention_bias, relative, training):
        """Scores, softmax, weighted sum -> `(batch, heads, queries, head_size)`."""
        query = query * (1 / math.sqrt(self.head_size))
        scores = ops.matmul(query, ops.swapaxes(key, 2, 3))
        if relative is not None:
            scores = scores + relative_scores(query, relative)
        scores = ops.cast(scores, "float64" if self.compute_dtype == "float64" else "float32")
        if attention_bias is not None:
            scores = scores + ops.cast(attention_bias, scores.dtype)
        if attention_mask is not None:
            scores = ops.where(attention_mask, scores, ops.cast(HIDDEN, scores.dtype))
        probabilities = ops.cast(_softmax(scores), self.compute_dtype)
        probabilities = self.dropout(probabilities, training=training)
        attended = ops.matmul(probabilities, value)
        return attended if relative is None else attended + relative_values(probabilities, relative)

    def _fused(self, query, key, value, attention_mask, attention_bias):
        """The same in one kernel of PyTorch, which has no compiler to join the steps."""
        if attention_bias is not None and attention_mask is not None:
            attention_bias = ops.where(attention_mask, attention_bias, HIDDEN)
            attention_mask = None
        query, key, value = (ops.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
        attended = ops.dot_product_attention(
            query, key, value, bias=attention_bias, mask=attention_mask
        )
        return ops.transpose(attended, (0, 2, 1, 3))

    def _split(self, x):
        x = ops.reshape(x, (*ops.shape(x)[:2], self.num_heads, self.head_size))
        return ops.transpose(x, (0, 2, 1, 3))  # (batch, heads, length, head_size)

    def _join(self, x):
        x = ops.transpose(x, (0, 2, 1, 3))
        return ops.reshape(x, (*ops.shape(x)[:2], self.num_heads * self.head_size))

    def compute_output_shape(self, x_shape, **other_shapes):
        return x_shape


def _softmax(scores):
    if scores.shape[-1] == 1:
        return ops.ones_like(scores)  # the only key has all the weight; Keras would warn
    return ops.softmax(scores, axis=-1)
