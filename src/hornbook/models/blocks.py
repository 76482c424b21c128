"""The blocks that a Transformer is a stack of: the same layers, normalized in other places."""

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
    """Attention, then feed-forward, each added to its input and normalized after (post-norm).

    A decoder block of an encoder-decoder model attends to the encoder's output in between.

    Call arguments:
        x: `(batch, length, hidden_size)`.
        encoded: `(batch, keys, hidden_size)`, what `cross_attention` looks at.
        encoded_attention_mask: Boolean, broadcasts to `(batch, heads, length, keys)`.
        condition: `(batch, condition_size)` or None.
        memory: See `MultiHeadAttention`; `cross_key` and `cross_value` are those of `encoded`.
        attention: What else `MultiHeadAttention` takes: `attention_mask`, `attention_bias`,
            `rotary`, `relative`, `padding_mask`.

    Returns:
        `(batch, length, hidden_size)`; with `memory` also what it holds now.
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
        attended, memory = self.self_attend(x, memory, training, attention)
        x = self.attention_norm(x + attended, condition)
        if self.config.cross_attention:
            seen = self.cross_attend(encoded, encoded_attention_mask, x, memory, training)
            x = self.cross_attention_norm(x + seen, condition)
        x = self.feed_forward_norm(x + self.apply_feed_forward(x, training), condition)
        return x if memory is None else (x, memory)

    def self_attend(
        self, x: Tensor, memory: dict[str, Tensor] | None, training: bool | None, attention: Any
    ) -> tuple[Tensor, Tensor]:
        """What the tokens learn of each other, to be added to `x`, and the memory after it."""
        attended = self.attention(x, memory=memory, training=training, **attention)
        attended, memory = (attended, None) if memory is None else attended
        return self.dropout(attended, training=training), memory

    def cross_attend(
        self,
        encoded: Tensor,
        encoded_attention_mask: Tensor,
        x: Tensor,
        memory: dict[str, Tensor] | None,
        training: bool | None,
    ) -> Tensor:
        """What the tokens learn of the encoder's output, to be added to `x`."""
        kept = None
        if memory is not None and "cross_key" in memory:
            kept = {"key": memory["cross_key"], "value": memory["cross_value"]}
        seen = self.cross_attention(
            x, encoded, attention_mask=encoded_attention_mask, memory=kept, training=training
        )
        return self.dropout(seen if kept is None else seen[0], training=training)

    def apply_feed_forward(self, x: Tensor, training: bool | None) -> Tensor:
        """What each token makes of it, to be added to `x`."""
        return self.dropout(self.feed_forward(x), training=training)

    def compute_output_shape(self, x_shape: Shape, **other_shapes: Any) -> Shape:
        return x_shape


@keras.saving.register_keras_serializable("hornbook")
class PreNormBlock(Block):
    """Each part gets the normalized `x` and is added to the `x` that is not (GPT-2, Llama, T5).

    With `attention_norm=False` its attention gets `x` itself, which is normalized already.
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
        attended, memory = self.self_attend(normalized, memory, training, attention)
        x = x + attended
        if self.config.cross_attention:
            normalized = self.cross_attention_norm(x, condition)
            x = x + self.cross_attend(encoded, encoded_attention_mask, normalized, memory, training)
        x = x + self.apply_feed_forward(self.feed_forward_norm(x, condition), training)
        return x if memory is None else (x, memory)


@keras.saving.register_keras_serializable("hornbook")
class GroverBlock(Block):
    """The two norms stand before and after the feed-forward network, none at the attention.

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
        attended, memory = self.self_attend(x, memory, training, attention)
        x = x + attended
        x = x + self.apply_feed_forward(self.attention_norm(x, condition), training)
        x = self.feed_forward_norm(x, condition)
        return x if memory is None else (x, memory)


@keras.saving.register_keras_serializable("hornbook")
class GatedAttentionBlock(ConfiguredLayer):
    """One gated attention unit in place of attention and feed-forward, normalized after.

    Takes and returns what `Block` does, less what belongs to an encoder.

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
        attended = self.attention(x, memory=memory, training=training, **attention)
        attended, memory = (attended, None) if memory is None else attended
        x = self.attention_norm(x + self.dropout(attended, training=training), condition)
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
    """The initializer of kernels, or of the rows of a table; with `initializer_range` 0 zeros, for
    weights that are about to be read.

    Google's has the same deviation everywhere.  That of RoFormer-v2 keeps the size of what comes
    in, less the `initializer_order`-th root of the number of layers, which are added up.
    """
    if not config.initializer_range:
        return "zeros"
    if config.initializer_order is not None:
        return keras.initializers.VarianceScaling(
            scale=config.num_hidden_layers ** (-2 / config.initializer_order),
            mode="fan_out" if table else "fan_in",  # the features, either way
            distribution="truncated_normal",
        )
    return keras.initializers.TruncatedNormal(stddev=config.initializer_range)


def norm(config: TransformerConfig, policy: Policy, name: str) -> ConditionalLayerNormalization:
    """A norm as the configuration wants it, condition included."""
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
