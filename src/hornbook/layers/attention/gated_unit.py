"""The gated attention unit (GAU): attention and feed-forward in one layer."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from hornbook.layers.activations import activation
from hornbook.layers.attention.exact import dropout_arguments, exact_attention, is_worthwhile
from hornbook.layers.attention.kinds import make_kind, scaled_by_length
from hornbook.layers.attention.masks import first_mask, with_padding
from hornbook.layers.attention.memory import (
    add_previous_scores,
    join_slices,
    split_slices,
    update_memory,
    without_heads,
)
from hornbook.layers.attention.probabilities import attention_probabilities
from hornbook.layers.dropout import Dropout
from hornbook.layers.matrices.dense import Dense
from hornbook.layers.positions.distances import add_bias
from hornbook.layers.positions.rotary import rotate
from hornbook.layers.tensors import Initializer, Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class GatedAttentionUnit(keras.layers.Layer):
    """Single-head attention over wide values, multiplied by a gate.

    One projection computes gate, value and a narrow base; query and key are that base with a
    learned scale per feature.

    Args:
        intermediate_size: Features of gate and value.
        head_size: Features of query and key.
        activation: Activation of that projection, see `activation`.
        dropout: Dropout rate of the attention probabilities.
        kernel_initializer: Initializer of both projections.
        rotary_pairs: See `rotate`.
        normalization: How scores become probabilities, see `attention_probabilities`.
        kind, kind_options, causal: See `MultiHeadAttention`.

    Call arguments:
        x: `(batch, length, features)`.
        attention_mask, attention_bias, rotary, memory, padding_mask, mask, x_mask: See
            `MultiHeadAttention`; there is one head, and `key` and `value` of the memory are split
            into slices of its features, each `(batch * slices, slots, slice_features)`.

    Returns:
        `(batch, length, features)`; with `memory` also the updated memory.

    References: https://arxiv.org/abs/2202.10447, https://kexue.fm/archives/8934
    """

    def __init__(
        self,
        intermediate_size: int,
        *,
        head_size: int,
        activation: str = "swish",
        dropout: float = 0.0,
        kernel_initializer: Initializer = "glorot_uniform",
        rotary_pairs: str = "interleaved",
        normalization: str = "squared_relu",
        kind: str = "full",
        kind_options: dict[str, Any] | None = None,
        causal: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.intermediate_size = intermediate_size
        self.head_size = head_size
        self.activation = activation
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.rotary_pairs = rotary_pairs
        self.normalization = normalization
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

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "intermediate_size": self.intermediate_size,
            "head_size": self.head_size,
            "activation": self.activation,
            "dropout": self.dropout.rate,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "rotary_pairs": self.rotary_pairs,
            "normalization": self.normalization,
            "kind": self.kind_name,
            "kind_options": self.kind_options,
            "causal": self.causal,
        }

    def build(self, x_shape: Shape) -> None:
        features, size = x_shape[-1], self.intermediate_size
        self.input_dense = self._dense(
            "input_dense", features, 2 * size + self.head_size, self.activation
        )
        self.output_dense = self._dense("output_dense", size, features, None)
        self.query_scale = self.add_weight(
            name="query_scale", shape=(self.head_size,), initializer="ones"
        )
        self.key_scale = self.add_weight(
            name="key_scale", shape=(self.head_size,), initializer="ones"
        )

        if self.kind is not None:
            self.kind.build((None, 1, None, self.head_size))

    def _dense(self, name: str, features: Tensor, units: int, activation_name: str | None) -> Dense:
        dense = Dense(
            units,
            activation=activation(activation_name),
            use_bias=False,
            kernel_initializer=self.kernel_initializer.clone(),  # or the kernels would be equal
            dtype=self.dtype_policy,
            name=name,
        )
        dense.build((None, None, features))
        return dense

    def call(
        self,
        x: Tensor,
        attention_mask: Tensor = None,
        attention_bias: Tensor = None,
        rotary: Tensor = None,
        memory: dict[str, Tensor] | None = None,
        padding_mask: Tensor = None,
        mask: Tensor = None,
        x_mask: Tensor = None,
        training: bool | None = None,
    ) -> Tensor:
        padding_mask = first_mask(padding_mask, mask, x_mask)
        memory = None if memory is None else dict(memory)
        size = self.intermediate_size
        gate, value, base = ops.split(self.input_dense(x), [size, 2 * size], axis=-1)
        # one head, on the axis of the heads in MultiHeadAttention
        query, key = (base * scale for scale in (self.query_scale, self.key_scale))
        query, key, value = query[:, None], key[:, None], value[:, None]
        if self.kind is not None:
            return self._attend_by_kind(
                gate, query, key, value, padding_mask, rotary, memory, training
            )
        if memory is None or "key" not in memory:  # the memory has a mask of its own
            attention_mask = with_padding(attention_mask, padding_mask)
        if rotary is not None:
            query = rotate(query, rotary, self.rotary_pairs)
            key = rotate(key, rotary, self.rotary_pairs)
        if memory is not None and "key" in memory:
            attention = self._attend_to_memory(
                query, key, value, attention_mask, attention_bias, memory, training
            )
        else:
            attention = self._attend(
                query, key, value, attention_mask, attention_bias, memory, training
            )
        y = self.output_dense(gate * attention[:, 0])
        return y if memory is None else (y, memory)

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor,
        bias: Tensor,
        memory: dict[str, Tensor] | None,
        training: bool | None,
    ) -> Tensor:
        """Attends to these tokens -> `(batch, 1, queries, intermediate_size)`."""
        scale = 1 / math.sqrt(self.head_size)
        adds_scores = memory is not None and "scores" in memory
        if is_worthwhile(query, key, plain=False) and not adds_scores:
            return exact_attention(
                query,
                key,
                value,
                mask=mask,
                bias=bias,
                scale=scale,
                normalization=self.normalization,
                **dropout_arguments(self.dropout, training),
            )
        scores = ops.matmul(query, ops.swapaxes(key, 2, 3)) * scale
        probabilities = self._probabilities(scores, mask, bias, memory, training)
        return ops.matmul(probabilities, value)

    def _attend_to_memory(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor,
        bias: Tensor,
        memory: dict[str, Tensor],
        training: bool | None,
    ) -> Tensor:
        """Attends to all slots of the memory, whose features are in slices.

        A score is the sum of the scores of the slices; all slices of a value have the same weights.
        """
        batch, _, queries, _ = ops.shape(query)
        key_size, value_size = memory["key"].shape[2], memory["value"].shape[2]
        key, value = update_memory(
            memory, split_slices(key, key_size), split_slices(value, value_size)
        )
        if queries is None or queries > 1:  # a prompt
            key, value = (join_slices(x, batch) for x in (key, value))
            return self._attend(query, key, value, mask, bias, memory, training)
        slots = ops.shape(key)[1]
        query = without_heads(split_slices(query, key_size))
        scores = ops.matmul(query, ops.swapaxes(key, 1, 2)) * (1 / math.sqrt(self.head_size))
        scores = ops.reshape(self._full_precision(scores), (batch, -1, queries, slots))
        scores = ops.sum(scores, axis=1, keepdims=True)
        probabilities = self._probabilities(scores, mask, bias, memory, training)
        probabilities = ops.repeat(probabilities, self.intermediate_size // value_size, axis=1)
        return join_slices(ops.matmul(without_heads(probabilities), value), batch)

    def _probabilities(
        self,
        scores: Tensor,
        mask: Tensor,
        bias: Tensor,
        memory: dict[str, Tensor] | None,
        training: bool | None,
    ) -> Tensor:
        scores = add_bias(add_previous_scores(memory, self._full_precision(scores)), bias)
        probabilities = attention_probabilities(scores, mask, self.normalization)
        return self.dropout(ops.cast(probabilities, self.compute_dtype), training=training)

    def _full_precision(self, scores: Tensor) -> Tensor:
        return ops.cast(scores, "float64" if self.compute_dtype == "float64" else "float32")

    def _attend_by_kind(
        self,
        gate: Tensor,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        padding_mask: Tensor,
        rotary: Tensor,
        memory: dict[str, Tensor] | None,
        training: bool | None,
    ) -> Tensor:
        """Attention of a kind other than full; with `memory` also its state after these tokens."""
        if self.normalization == "softmax_plus":
            query = scaled_by_length(query, padding_mask)
        state = None
        if memory is not None:
            state = {name: x for name, x in memory.items() if name != "index"}
        attention = self.kind.attend(
            query,
            key,
            value,
            scale=1 / math.sqrt(self.head_size),
            query_mask=padding_mask,
            key_mask=padding_mask,
            rotary=rotary,
            rotary_pairs=self.rotary_pairs,
            state=state,
            training=training,
        )
        if memory is None:
            return self.output_dense(gate * attention[:, 0])
        attention, state = attention
        return self.output_dense(gate * attention[:, 0]), memory | state

    def compute_output_shape(self, x_shape: Shape, **other_shapes: Any) -> Shape:
        return x_shape
