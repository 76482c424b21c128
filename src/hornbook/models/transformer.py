"""One Transformer for every family: what differs between them stands in the configuration."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers import ConditionalLayerNormalization, FeedForward, MultiHeadAttention
from hornbook.layers.attention_masks import (
    causal_attention_mask,
    padding_attention_mask,
    prefix_attention_mask,
)
from hornbook.models.config import TransformerConfig
from hornbook.models.heads import MaskedLanguageModelHead


class Block(keras.layers.Layer):
    """Attention, then feed-forward, each added to its input and normalized after (post-norm).

    Call arguments:
        x: `(batch, length, hidden_size)`.
        attention_mask: Boolean, see `MultiHeadAttention`.
        condition: `(batch, condition_size)` or None.

    Returns:
        `(batch, length, hidden_size)`.
    """

    def __init__(self, config: TransformerConfig, **kwargs):
        super().__init__(**kwargs)
        policy = self.dtype_policy
        self.attention = MultiHeadAttention(
            num_heads=config.num_attention_heads,
            dropout=config.attention_probs_dropout_prob,
            kernel_initializer=_normal(config),
            dtype=policy,
            name="attention",
        )
        self.attention_norm = _norm(config, policy, "attention_norm")
        self.feed_forward = FeedForward(
            intermediate_size=config.intermediate_size,
            activation=config.hidden_act,
            kernel_initializer=_normal(config),
            dtype=policy,
            name="feed_forward",
        )
        self.feed_forward_norm = _norm(config, policy, "feed_forward_norm")
        self.dropout = keras.layers.Dropout(config.hidden_dropout_prob, dtype=policy)

    def build(self, x_shape):
        for layer in (
            self.attention,
            self.attention_norm,
            self.feed_forward,
            self.feed_forward_norm,
        ):
            layer.build(x_shape)

    def call(self, x, attention_mask=None, condition=None, training=None):
        attended = self.attention(x, attention_mask=attention_mask, training=training)
        x = self.attention_norm(x + self.dropout(attended, training=training), condition)
        changed = self.feed_forward(x)
        return self.feed_forward_norm(x + self.dropout(changed, training=training), condition)

    def compute_output_shape(self, x_shape, **other_shapes):
        return x_shape


class Transformer(keras.layers.Layer):
    """Token ids to one vector a token.

    The application of the configuration says who may look at whom: `encoder` all real
    tokens, `causal_lm` what came before, `prefix_lm` segment 0 both ways and segment 1
    what came before (UniLM).  What stands on top is in `pooler`, `mlm` and `nsp`, those of
    them that `config.heads` names.

    Call arguments:
        token_ids: Integers `(batch, length)`.
        segment_ids: Integers `(batch, length)`; None for all 0.
        position_ids: Integers `(batch, length)`; None for 0, 1, 2 ...
        padding_mask: `(batch, length)`, True or 1 at real tokens; None when all are real.
            What stands in a padded place has exactly zero influence on the real ones.
        condition: `(batch, condition_size)`, required exactly when the configuration has it.

    Returns:
        `(batch, length, hidden_size)`.
    """

    def __init__(self, config: TransformerConfig, **kwargs):
        kwargs.setdefault("name", config.family)
        super().__init__(**kwargs)
        self.config = config
        policy = self.dtype_policy

        def embedding(name, rows, layer=keras.layers.Embedding):
            return layer(
                rows,
                config.hidden_size,
                embeddings_initializer=_normal(config),
                dtype=policy,
                name=name,
            )

        self.token_embedding = embedding(
            "token_embedding", config.vocab_size, keras.layers.ReversibleEmbedding
        )
        self.segment_embedding = (
            embedding("segment_embedding", config.type_vocab_size)
            if config.type_vocab_size
            else None
        )
        self.position_embedding = embedding("position_embedding", config.max_position_embeddings)
        self.embedding_norm = _norm(config, policy, "embedding_norm")
        self.dropout = keras.layers.Dropout(config.hidden_dropout_prob, dtype=policy)
        self.blocks = [
            Block(config, dtype=policy, name=f"block_{i}") for i in range(config.num_hidden_layers)
        ]
        self.pooler: Any = None
        self.mlm: Any = None
        self.nsp: Any = None
        if "pooler" in config.heads or "nsp" in config.heads:
            self.pooler = self._dense("pooler", config.hidden_size, "tanh")
        if "nsp" in config.heads:
            self.nsp = self._dense("nsp", 2, None)
        if "mlm" in config.heads:
            self.mlm = MaskedLanguageModelHead(
                self.token_embedding,
                hidden_act=config.hidden_act,
                epsilon=config.layer_norm_eps,
                kernel_initializer=_normal(config),
                condition_size=config.condition_size,
                dtype=policy,
                name="mlm",
            )

    def _dense(self, name, units, activation):
        return keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=_normal(self.config),
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, token_ids_shape=None):
        ids, vectors = (None, None), (None, None, self.config.hidden_size)
        for layer in (self.token_embedding, self.segment_embedding, self.position_embedding):
            if layer is not None:
                layer.build(ids)
        for layer in (self.embedding_norm, *self.blocks, self.mlm):
            if layer is not None:
                layer.build(vectors)
        for layer in (self.pooler, self.nsp):
            if layer is not None:
                layer.build((None, self.config.hidden_size))
        self.built = True

    def call(
        self,
        token_ids,
        segment_ids=None,
        position_ids=None,
        padding_mask=None,
        condition=None,
        training=None,
    ):
        x = self.embed(token_ids, segment_ids, position_ids, condition, training)
        mask = self.attention_mask(token_ids, segment_ids, padding_mask)
        for block in self.blocks:
            x = block(x, attention_mask=mask, condition=condition, training=training)
        return x

    def embed(self, token_ids, segment_ids, position_ids, condition, training):
        """The sum of the token, segment and position vectors, normalized."""
        x = self.token_embedding(token_ids)
        if self.segment_embedding is not None:
            if segment_ids is None:
                segment_ids = ops.zeros_like(token_ids)
            x = x + self.segment_embedding(segment_ids)
        if position_ids is None:
            position_ids = ops.arange(ops.shape(token_ids)[1])[None]
        x = x + self.position_embedding(position_ids)
        return self.dropout(self.embedding_norm(x, condition), training=training)

    def attention_mask(self, token_ids, segment_ids, padding_mask):
        """Boolean `(batch or 1, 1, length or 1, length)`, or None when all see all."""
        application = self.config.application
        mask = None
        if application == "causal_lm":
            length = ops.shape(token_ids)[1]
            mask = causal_attention_mask(length, length)
        elif application == "prefix_lm":
            if segment_ids is None:
                raise ValueError("A prefix language model needs segment_ids: 0 read, 1 written.")
            mask = prefix_attention_mask(segment_ids)
        if padding_mask is not None:
            padding = padding_attention_mask(padding_mask)
            mask = padding if mask is None else ops.logical_and(mask, padding)
        return mask

    def pool(self, x):
        """The first token's vector through the pooler -> `(batch, hidden_size)`."""
        return self.pooler(x[:, 0])

    def compute_output_shape(self, token_ids_shape, **other_shapes):
        return (*token_ids_shape, self.config.hidden_size)


def _normal(config: TransformerConfig):
    """Google's initializer; 0 leaves zeros, for weights that are about to be read."""
    if not config.initializer_range:
        return "zeros"
    return keras.initializers.TruncatedNormal(stddev=config.initializer_range)


def _norm(config: TransformerConfig, policy, name: str):
    return ConditionalLayerNormalization(
        epsilon=config.layer_norm_eps,
        condition_size=config.condition_size,
        dtype=policy,
        name=name,
    )
