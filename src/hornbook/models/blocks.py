"""The blocks of a Transformer: the same layers, with norms in different places."""

from __future__ import annotations

from typing import Any

import keras

from hornbook.layers import (
    ConditionalLayerNormalization,
    FeedForward,
    GatedAttentionUnit,
    MultiHeadAttention,
)
from hornbook.layers.dropout import Dropout
from hornbook.layers.tensors import Initializer, Policy, Shape, Tensor
from hornbook.models.configuration.attention_choice import attention_choice
from hornbook.models.configuration.configured_layer import ConfiguredLayer
from hornbook.models.configuration.transformer_config import TransformerConfig


@keras.saving.register_keras_serializable("hornbook")
class Block(ConfiguredLayer):
    """Attention, then feed-forward, each added to its input and then normalized (post-norm).

    A decoder block of an encoder-decoder model has cross-attention in between.

    Call arguments:
        x: `(batch, length, hidden_size)`.
        encoded: `(batch, keys, hidden_size)`, the output of the encoder.
        encoded_attention_mask: Boolean, broadcasts to `(batch, heads, length, keys)`.
        condition: `(batch, condition_size)` or None.
        memory: See `MultiHeadAttention`; `cross_key` and `cross_value` are those of `encoded`.
        attention: Other arguments of `MultiHeadAttention`: `attention_mask`, `attention_bias`,
            `rotary`, `relative`, `padding_mask`.

    Returns:
        `(batch, length, hidden_size)`; with `memory` also the updated memory.
    """

    def __init__(
        self,
        config: TransformerConfig,
        *,
        attention_norm: bool = True,
        is_sliding: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(config, **kwargs)
        self.is_sliding = is_sliding
        self.attention = self._attention(
            "attention", **attention_choice(config, is_sliding=is_sliding)
        )
        self.attention_norm: Any = self._norm("attention_norm") if attention_norm else None
        if config.cross_attention:
            self.cross_attention = self._attention("cross_attention")
            self.cross_attention_norm = self._norm("cross_attention_norm")
        self.feed_forward = FeedForward(
            intermediate_size=config.intermediate_size,
            activation=config.hidden_act,
            gated=config.gated_feed_forward,
            use_bias=config.use_bias is True,
            kernel_initializer=normal(config),
            dtype=self.dtype_policy,
            name="feed_forward",
        )
        self.feed_forward_norm = self._norm("feed_forward_norm")
        self.dropout = Dropout(config.hidden_dropout_prob, dtype=self.dtype_policy)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "attention_norm": self.attention_norm is not None,
            "is_sliding": self.is_sliding,
        }

    def _attention(self, name: str, **choice: Any) -> MultiHeadAttention:
        config = self.config
        return MultiHeadAttention(
            num_heads=config.num_attention_heads,
            num_key_value_heads=config.num_key_value_heads,
            head_size=config.attention_head_size,
            dropout=config.attention_probs_dropout_prob,
            use_bias=True if config.use_bias == "attention" else config.use_bias,
            kernel_initializer=normal(config),
            rotary_pairs=config.rotary_pairs,
            scale=config.scale_attention,
            normalization=config.attention_normalization,
            query_key_norm=config.layer_norm_eps if config.query_key_norm else None,
            dtype=self.dtype_policy,
            name=name,
            **choice,
        )

    def _norm(self, name: str) -> ConditionalLayerNormalization:
        return norm(self.config, self.dtype_policy, name)

    def build(self, x_shape: Shape) -> None:
        names = ["attention", "attention_norm", "feed_forward", "feed_forward_norm"]
        if self.config.cross_attention:
            names += ["cross_attention", "cross_attention_norm"]
        for name in names:
            layer = getattr(self, name)
            if layer is not None:
                layer.build(x_shape)

    def call(
        self,
        x: Tensor,
        encoded: Tensor = None,
        encoded_attention_mask: Tensor = None,
        condition: Tensor = None,
        memory: dict[str, Tensor] | None = None,
        training: bool | None = None,
        **attention: Any,
    ) -> Tensor:
        y, memory = self.self_attend(x, memory, training, attention)
        x = self.attention_norm(x + y, condition)
        if self.config.cross_attention:
            y = self.cross_attend(encoded, encoded_attention_mask, x, memory, training)
            x = self.cross_attention_norm(x + y, condition)
        x = self.feed_forward_norm(x + self.apply_feed_forward(x, training), condition)
        return x if memory is None else (x, memory)

    def self_attend(
        self, x: Tensor, memory: dict[str, Tensor] | None, training: bool | None, attention: Any
    ) -> tuple[Tensor, Tensor]:
        """Returns the self-attention that is added to `x`, and the updated memory."""
        y = self.attention(x, memory=memory, training=training, **attention)
        y, memory = (y, None) if memory is None else y
        return self.dropout(y, training=training), memory

    def cross_attend(
        self,
        encoded: Tensor,
        encoded_attention_mask: Tensor,
        x: Tensor,
        memory: dict[str, Tensor] | None,
        training: bool | None,
    ) -> Tensor:
        """Returns the cross-attention that is added to `x`."""
        keys = None
        if memory is not None and "cross_key" in memory:
            keys = {"key": memory["cross_key"], "value": memory["cross_value"]}
        y = self.cross_attention(
            x, encoded, attention_mask=encoded_attention_mask, memory=keys, training=training
        )
        return self.dropout(y if keys is None else y[0], training=training)

    def apply_feed_forward(self, x: Tensor, training: bool | None) -> Tensor:
        """Returns the output of the feed-forward network that is added to `x`."""
        return self.dropout(self.feed_forward(x), training=training)

    def compute_output_shape(self, x_shape: Shape, **other_shapes: Any) -> Shape:
        return x_shape


@keras.saving.register_keras_serializable("hornbook")
class PreNormBlock(Block):
    """Each part takes the normalized `x`, and its output is added to `x` itself (GPT-2, Llama, T5).

    With `attention_norm=False` attention takes `x` itself, which is normalized already.
    """

    def call(
        self,
        x: Tensor,
        encoded: Tensor = None,
        encoded_attention_mask: Tensor = None,
        condition: Tensor = None,
        memory: dict[str, Tensor] | None = None,
        training: bool | None = None,
        **attention: Any,
    ) -> Tensor:
        normalized = x if self.attention_norm is None else self.attention_norm(x, condition)
        y, memory = self.self_attend(normalized, memory, training, attention)
        x = x + y
        if self.config.cross_attention:
            normalized = self.cross_attention_norm(x, condition)
            x = x + self.cross_attend(encoded, encoded_attention_mask, normalized, memory, training)
        x = x + self.apply_feed_forward(self.feed_forward_norm(x, condition), training)
        return x if memory is None else (x, memory)


@keras.saving.register_keras_serializable("hornbook")
class GroverBlock(Block):
    """The two norms are before and after the feed-forward network; attention has none.

    Reference: https://github.com/rowanz/grover
    """

    def call(
        self,
        x: Tensor,
        encoded: Tensor = None,
        encoded_attention_mask: Tensor = None,
        condition: Tensor = None,
        memory: dict[str, Tensor] | None = None,
        training: bool | None = None,
        **attention: Any,
    ) -> Tensor:
        y, memory = self.self_attend(x, memory, training, attention)
        x = x + y
        x = x + self.apply_feed_forward(self.attention_norm(x, condition), training)
        x = self.feed_forward_norm(x, condition)
        return x if memory is None else (x, memory)


@keras.saving.register_keras_serializable("hornbook")
class GatedAttentionBlock(ConfiguredLayer):
    """One gated attention unit in place of attention and feed-forward, then a norm.

    The arguments are those of `Block`, without those for cross-attention.

    Reference: https://kexue.fm/archives/9052
    """

    def __init__(
        self, config: TransformerConfig, *, is_sliding: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(config, **kwargs)
        self.is_sliding = is_sliding
        self.attention = GatedAttentionUnit(
            intermediate_size=config.intermediate_size,
            head_size=config.head_size,
            activation=config.hidden_act,
            dropout=config.attention_probs_dropout_prob,
            kernel_initializer=normal(config),
            rotary_pairs=config.rotary_pairs,
            normalization=config.attention_normalization,
            dtype=self.dtype_policy,
            name="attention",
            **attention_choice(config, is_sliding=is_sliding),
        )
        self.attention_norm = norm(config, self.dtype_policy, "attention_norm")
        self.dropout = Dropout(config.hidden_dropout_prob, dtype=self.dtype_policy)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "is_sliding": self.is_sliding}

    def build(self, x_shape: Shape) -> None:
        self.attention.build(x_shape)
        self.attention_norm.build(x_shape)

    def call(
        self,
        x: Tensor,
        condition: Tensor = None,
        memory: dict[str, Tensor] | None = None,
        training: bool | None = None,
        **attention: Any,
    ) -> Tensor:
        y = self.attention(x, memory=memory, training=training, **attention)
        y, memory = (y, None) if memory is None else y
        x = self.attention_norm(x + self.dropout(y, training=training), condition)
        return x if memory is None else (x, memory)

    def compute_output_shape(self, x_shape: Shape, **other_shapes: Any) -> Shape:
        return x_shape


# by the configuration's `block`
BLOCKS = {
    "post": Block,
    "pre": PreNormBlock,
    "grover": GroverBlock,
    "gau": GatedAttentionBlock,
}


def normal(config: TransformerConfig, *, table: bool = False) -> Initializer:
    """Returns the initializer of kernels, or of a table's rows; zeros if `initializer_range` is 0,
    for weights that are read from a file.

    Google's models have the same standard deviation everywhere.  That of RoFormer-v2 preserves the
    scale of the input, divided by the `initializer_order`-th root of the number of layers, whose
    outputs are summed.
    """
    if not config.initializer_range:
        return "zeros"
    if config.initializer_order is not None:
        return keras.initializers.VarianceScaling(
            scale=config.num_hidden_layers ** (-2 / config.initializer_order),
            mode="fan_out" if table else "fan_in",  # the features in both cases
            distribution="truncated_normal",
        )
    return keras.initializers.TruncatedNormal(stddev=config.initializer_range)


def norm(config: TransformerConfig, policy: Policy, name: str) -> ConditionalLayerNormalization:
    """Returns a norm with the settings of the configuration."""
    return ConditionalLayerNormalization(
        epsilon=config.layer_norm_eps,
        condition_size=config.condition_size,
        condition_hidden_size=config.condition_hidden_size,
        condition_hidden_act=config.condition_hidden_act,
        kind=config.norm_kind,
        scale=config.norm_scale,
        offset=config.norm_offset,
        dtype=policy,
        name=name,
    )
