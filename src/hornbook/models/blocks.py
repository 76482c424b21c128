"""The blocks that a Transformer is a stack of: the same layers, normalized in other places."""

from __future__ import annotations

import keras

from hornbook.layers import ConditionalLayerNormalization, FeedForward, MultiHeadAttention
from hornbook.models.config import TransformerConfig


class Block(keras.layers.Layer):
    """Attention, then feed-forward, each added to its input and normalized after (post-norm).

    Call arguments:
        x: `(batch, length, hidden_size)`.
        condition: `(batch, condition_size)` or None.
        attention: What else `MultiHeadAttention` takes: `attention_mask`, `rotary`, `relative`.

    Returns:
        `(batch, length, hidden_size)`.
    """

    def __init__(self, config: TransformerConfig, **kwargs):
        super().__init__(**kwargs)
        policy = self.dtype_policy
        self.attention = MultiHeadAttention(
            num_heads=config.num_attention_heads,
            dropout=config.attention_probs_dropout_prob,
            use_bias=config.use_bias,
            rotary_pairs=config.rotary_pairs,
            kernel_initializer=normal(config),
            dtype=policy,
            name="attention",
        )
        self.attention_norm = norm(config, policy, "attention_norm")
        self.feed_forward = FeedForward(
            intermediate_size=config.intermediate_size,
            activation=config.hidden_act,
            use_bias=config.use_bias,
            kernel_initializer=normal(config),
            dtype=policy,
            name="feed_forward",
        )
        self.feed_forward_norm = norm(config, policy, "feed_forward_norm")
        self.dropout = keras.layers.Dropout(config.hidden_dropout_prob, dtype=policy)

    def build(self, x_shape):
        for layer in (
            self.attention,
            self.attention_norm,
            self.feed_forward,
            self.feed_forward_norm,
        ):
            layer.build(x_shape)

    def call(self, x, condition=None, training=None, **attention):
        x = x + self.attend(x, training, attention)
        x = self.attention_norm(x, condition)
        x = x + self.feed(x, training)
        return self.feed_forward_norm(x, condition)

    def attend(self, x, training, attention):
        """What the tokens learn of each other, to be added to `x`."""
        return self.dropout(self.attention(x, training=training, **attention), training=training)

    def feed(self, x, training):
        """What each token makes of it, to be added to `x`."""
        return self.dropout(self.feed_forward(x), training=training)

    def compute_output_shape(self, x_shape, **other_shapes):
        return x_shape


class PreNormBlock(Block):
    """Each part gets the normalized `x` and is added to the `x` that is not (GPT-2)."""

    def call(self, x, condition=None, training=None, **attention):
        x = x + self.attend(self.attention_norm(x, condition), training, attention)
        return x + self.feed(self.feed_forward_norm(x, condition), training)


class GroverBlock(Block):
    """The two norms stand before and after the feed-forward network, none at the attention.

    Reference: https://github.com/rowanz/grover
    """

    def call(self, x, condition=None, training=None, **attention):
        x = x + self.attend(x, training, attention)
        x = x + self.feed(self.attention_norm(x, condition), training)
        return self.feed_forward_norm(x, condition)


# by the configuration's `norm_placement`
BLOCKS = {"post": Block, "pre": PreNormBlock, "grover": GroverBlock}


def normal(config: TransformerConfig):
    """Google's initializer; 0 leaves zeros, for weights that are about to be read."""
    if not config.initializer_range:
        return "zeros"
    return keras.initializers.TruncatedNormal(stddev=config.initializer_range)


def norm(config: TransformerConfig, policy, name: str):
    """A norm as the configuration wants it, condition included."""
    return ConditionalLayerNormalization(
        epsilon=config.layer_norm_eps,
        condition_size=config.condition_size,
        kind=config.norm_kind,
        scale=config.norm_scale,
        offset=config.norm_offset,
        dtype=policy,
        name=name,
    )
