"""Multi-head scaled dot-product attention."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from hornbook.layers.attention.exact import dropout_arguments, exact_attention, is_worthwhile
from hornbook.layers.attention.kinds import cannot, make_kind, scaled_by_length
from hornbook.layers.attention.masks import first_mask, with_padding
from hornbook.layers.attention.memory import add_previous_scores, update_memory
from hornbook.layers.attention.probabilities import attention_probabilities
from hornbook.layers.dropout import Dropout
from hornbook.layers.matrices.dense import Dense
from hornbook.layers.normalization import ConditionalLayerNormalization
from hornbook.layers.positions.distances import add_bias, look_up
from hornbook.layers.positions.relative import relative_scores, relative_values
from hornbook.layers.positions.rotary import rotate
from hornbook.layers.tensors import Initializer, Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class MultiHeadAttention(keras.layers.Layer):
    """Multi-head attention from `x` to `context`, with the options of many Transformers.

    Args:
        num_heads: Number of heads of the query.
        num_key_value_heads: Number of heads of key and value, each shared by several heads of the
            query (grouped-query attention).  Defaults to `num_heads`.
        head_size: Features per head.  Defaults to the features of `x`, divided by `num_heads`.
        dropout: Dropout rate of the attention probabilities.
        use_bias: Whether the four projections have a bias; `"query_key_value"`: all but the last.
        kernel_initializer: Initializer of the four projections.
        rotary_pairs: See `rotate`.
        scale: Whether scores are divided by the square root of `head_size`.
        normalization: How scores become probabilities, see `attention_probabilities`.
        query_key_norm: The epsilon of an RMS norm of each head of query and key.  Defaults to no
            such norm.
        kind: `"full"`, or one of `hornbook.layers.attention.kinds.KINDS`, which have no dropout of
            probabilities.
        kind_options: Constructor arguments of the kind.
        causal: For a kind other than full: whether a token attends only to itself and earlier
            tokens.

    Call arguments:
        x: `(batch, queries, features)`.
        context: `(batch, keys, features)`, or None for self-attention.
        attention_mask: Boolean, broadcasts to `(batch, heads, queries, keys)`; True is visible.
            What is masked has exactly zero influence.
        attention_bias: Added to the scores; same shape, or `distances` with a number per head.
        rotary: From `RotaryPositions`; query and key are rotated by it.
        relative: From `RelativePositions`, or its `distances`; added to keys and values.
        padding_mask: `(batch, queries)`, True or 1 at tokens, False or 0 at padding.  Defaults to
            the mask that Keras carries with `x`.  A kind other than full takes this one and no
            `attention_mask`, which would have too many elements.
        context_padding_mask: `(batch, keys)`, likewise for `context`.
        mask, x_mask, context_mask: Filled in by Keras.
        memory: A dict from earlier calls, with any of
            `scores`: those of the previous block, to be added (RealFormer);
            `key` and `value`: `(batch * key_value_heads, slots, head_size)`.  With `index`, key
            and value of these tokens are written from that slot on, and all slots are attended
            to; without it, they are used in place of those of `context`;
            the state of a kind other than full.

    Returns:
        `(batch, queries, features)`; with `memory` also the updated memory.

    Reference: https://arxiv.org/abs/1706.03762
    """

    def __init__(
        self,
        num_heads: int,
        *,
        num_key_value_heads: int | None = None,
        head_size: int | None = None,
        dropout: float = 0.0,
        use_bias: bool | str = True,
        kernel_initializer: Initializer = "glorot_uniform",
        rotary_pairs: str = "interleaved",
        scale: bool = True,
        normalization: str = "softmax",
        query_key_norm: float | None = None,
        kind: str = "full",
        kind_options: dict[str, Any] | None = None,
        causal: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.num_heads = num_heads
        self.num_key_value_heads = num_key_value_heads or num_heads
        self.head_size: Any = head_size
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.rotary_pairs = rotary_pairs
        self.scale = scale
        self.normalization = normalization
        self.query_key_norm = query_key_norm
        self.kind_name = kind
        self.kind_options = kind_options
        self.causal = causal
        self.kind: Any = make_kind(
            kind,
            kind_options,
            causal=causal,
            normalization=normalization,
            dtype=self.dtype_policy,
        )
        self.dropout = Dropout(dropout, dtype=self.dtype_policy, name="dropout")
        self._head_size_argument = head_size

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "head_size": self._head_size_argument,
            "dropout": self.dropout.rate,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "rotary_pairs": self.rotary_pairs,
            "scale": self.scale,
            "normalization": self.normalization,
            "query_key_norm": self.query_key_norm,
            "kind": self.kind_name,
            "kind_options": self.kind_options,
            "causal": self.causal,
        }

    def build(self, x_shape: Shape) -> None:
        features = x_shape[-1]
        if self.head_size is None:
            if features % self.num_heads:
                raise ValueError(f"{features} features cannot be shared by {self.num_heads} heads.")
            self.head_size = features // self.num_heads
        queries = self.num_heads * self.head_size
        keys = self.num_key_value_heads * self.head_size
        self.query = self._projection("query", features, queries, bool(self.use_bias))
        self.key = self._projection("key", features, keys, bool(self.use_bias))
        self.value = self._projection("value", features, keys, bool(self.use_bias))
        self.output_dense = self._projection(
            "output_dense", queries, features, self.use_bias is True
        )
        if self.query_key_norm is not None:
            self.query_norm = self._head_norm("query_norm")
            self.key_norm = self._head_norm("key_norm")
        if self.kind is not None:
            self.kind.build((None, self.num_heads, None, self.head_size))

    def _projection(self, name: str, features: Tensor, units: int, use_bias: bool | str) -> Dense:
        dense = Dense(
            units,
            use_bias=use_bias,
            kernel_initializer=self.kernel_initializer.clone(),  # or the kernels would be equal
            dtype=self.dtype_policy,
            name=name,
        )
        dense.build((None, None, features))
        return dense

    def _head_norm(self, name: str) -> ConditionalLayerNormalization:
        norm = ConditionalLayerNormalization(
            epsilon=self.query_key_norm or 0.0,
            kind="rms",
            offset=False,
            dtype=self.dtype_policy,
            name=name,
        )
        norm.build((None, None, None, self.head_size))
        return norm

    def call(
        self,
        x: Tensor,
        context: Tensor = None,
        attention_mask: Tensor = None,
        attention_bias: Tensor = None,
        rotary: Tensor = None,
        relative: Tensor = None,
        memory: dict[str, Tensor] | None = None,
        padding_mask: Tensor = None,
        context_padding_mask: Tensor = None,
        mask: Tensor = None,
        x_mask: Tensor = None,
        context_mask: Tensor = None,
        training: bool | None = None,
    ) -> Tensor:
        padding_mask = first_mask(padding_mask, mask, x_mask)
        context_padding_mask = first_mask(context_padding_mask, context_mask)
        memory = None if memory is None else dict(memory)
        query = self._split(self.query(x))
        if self.query_key_norm is not None:
            query = self.query_norm(query)
        if self.kind is not None:
            if attention_mask is not None:
                raise ValueError(f"attention {self.kind_name!r} takes padding_mask.")
            if context is None:
                context, context_padding_mask = x, padding_mask
            elif refusal := cannot(self.kind_name, "cross"):
                raise ValueError(refusal)
            options = {
                "query_mask": padding_mask,
                "key_mask": context_padding_mask,
                "bias": attention_bias,
                "relative": relative,
                "rotary": rotary,
                "training": training,
            }
            return self._attend_by_kind(query, context, memory, options)
        if memory is None or "key" not in memory:  # the memory has a mask of its own
            key_mask = padding_mask if context is None else context_padding_mask
            attention_mask = with_padding(attention_mask, key_mask)
        if rotary is not None:
            query = rotate(query, rotary, self.rotary_pairs)
        key, value = self.key_and_value(x if context is None else context, rotary, memory)
        outputs = self._attend_in_parts(
            query, key, value, attention_mask, attention_bias, relative, memory, training
        )
        if outputs is None:
            if isinstance(relative, dict):
                relative = look_up(relative)
            scores = add_previous_scores(memory, self._scores(query, key, relative))
            scores = add_bias(scores, attention_bias)
            outputs = self._mix(scores, attention_mask, value, relative, training)
        y = self.output_dense(self._join(outputs))
        return y if memory is None else (y, memory)

    def _attend_in_parts(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor,
        bias: Tensor,
        relative: Tensor,
        memory: dict[str, Tensor] | None,
        training: bool | None,
    ) -> Tensor:
        """Attends without all scores in memory; None where they are needed or few."""
        if memory is not None and "scores" in memory:
            return None
        is_looked_up = relative is not None and not isinstance(relative, dict)
        is_plain = (
            relative is None
            and not (training and self.dropout.rate)
            and self.normalization != "squared_relu"
        )
        if is_looked_up or not is_worthwhile(query, key, plain=is_plain):
            return None
        return exact_attention(
            query,
            key,
            value,
            mask=mask,
            bias=bias,
            relative=relative,
            scale=self._scale,
            normalization=self.normalization,
            **dropout_arguments(self.dropout, training),
        )

    def _attend_by_kind(
        self, query: Tensor, context: Tensor, memory: dict[str, Tensor] | None, options: Any
    ) -> Tensor:
        """Attention of a kind other than full; with `memory` also its state after these tokens."""
        key, value = self.key_and_value(context)
        if self.normalization == "softmax_plus":
            query = scaled_by_length(query, options["key_mask"])
        if memory is not None:
            options["state"] = {name: x for name, x in memory.items() if name != "index"}
        options |= {"scale": self._scale, "rotary_pairs": self.rotary_pairs}
        outputs = self.kind.attend(query, key, value, **options)
        if memory is None:
            return self.output_dense(self._join(outputs))
        outputs, state = outputs
        return self.output_dense(self._join(outputs)), memory | state

    @property
    def _scale(self) -> float:
        return 1 / math.sqrt(self.head_size) if self.scale else 1.0

    def key_and_value(
        self, context: Tensor, rotary: Tensor = None, memory: dict[str, Tensor] | None = None
    ) -> Tensor:
        """Returns key and value of the context, of the memory, or of both; updates the memory."""
        if memory is not None and "key" in memory and "index" not in memory:
            return memory["key"], memory["value"]
        key = self._split(self.key(context))
        value = self._split(self.value(context))
        if self.query_key_norm is not None:
            key = self.key_norm(key)
        if rotary is not None:
            key = rotate(key, rotary, self.rotary_pairs)
        return update_memory(memory, key, value)

    def _scores(self, query: Tensor, key: Tensor, relative: Tensor) -> Tensor:
        """Returns the attention scores, `(batch, heads, queries, keys)`, in float32."""
        if self.scale:
            query = query * self._scale
        scores = self._grouped_matmul(query, ops.swapaxes(key, -2, -1))
        if relative is not None:
            scores = scores + relative_scores(query, relative)
        return ops.cast(scores, "float64" if self.compute_dtype == "float64" else "float32")

    def _mix(
        self,
        scores: Tensor,
        attention_mask: Tensor,
        value: Tensor,
        relative: Tensor,
        training: bool | None,
    ) -> Tensor:
        """Returns the weighted sums of the values, `(batch, heads, queries, head_size)`."""
        probabilities = attention_probabilities(scores, attention_mask, self.normalization)
        probabilities = ops.cast(probabilities, self.compute_dtype)
        probabilities = self.dropout(probabilities, training=training)
        outputs = self._grouped_matmul(probabilities, value)
        return outputs if relative is None else outputs + relative_values(probabilities, relative)

    def _grouped_matmul(self, per_query_head: Tensor, per_key_head: Tensor) -> Tensor:
        """Matrix product, in which several query heads may share one head of key and value."""
        is_from_memory = len(per_key_head.shape) == 3
        if self.num_key_value_heads == self.num_heads and not is_from_memory:
            return ops.matmul(per_query_head, per_key_head)
        batch, _, queries, size = ops.shape(per_query_head)
        heads = self.num_key_value_heads
        group = (self.num_heads // heads) * queries  # all queries that share a key head
        rows = (batch * heads,) if is_from_memory else (batch, heads)
        product = ops.matmul(ops.reshape(per_query_head, (*rows, group, size)), per_key_head)
        return ops.reshape(product, (batch, self.num_heads, queries, ops.shape(product)[-1]))

    def _split(self, x: Tensor) -> Tensor:
        # with -1 TensorFlow would not know the number of heads, which decides who shares keys
        heads = x.shape[-1] // self.head_size
        x = ops.reshape(x, (*ops.shape(x)[:2], heads, self.head_size))
        return ops.transpose(x, (0, 2, 1, 3))  # (batch, heads, length, head_size)

    def _join(self, x: Tensor) -> Tensor:
        x = ops.transpose(x, (0, 2, 1, 3))
        return ops.reshape(x, (*ops.shape(x)[:2], self.num_heads * self.head_size))

    def compute_output_shape(self, x_shape: Shape, **other_shapes: Any) -> Shape:
        return x_shape
