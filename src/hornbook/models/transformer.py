"""One Transformer for every family: what differs between them stands in the configuration."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers import RelativePositions, RotaryPositions
from hornbook.layers.attention_masks import (
    causal_attention_mask,
    padding_attention_mask,
    prefix_attention_mask,
)
from hornbook.models.blocks import BLOCKS, norm, normal
from hornbook.models.config import TransformerConfig
from hornbook.models.heads import (
    DiscriminatorHead,
    MaskedLanguageModelHead,
    TiedLanguageModelHead,
)


class Transformer(keras.layers.Layer):
    """Token ids to one vector a token.

    The application of the configuration says who may look at whom: `encoder` all real
    tokens, `causal_lm` what came before, `prefix_lm` segment 0 both ways and segment 1
    what came before (UniLM).  What stands on top is in `pooler`, `mlm` and `nsp`, those of
    them that `config.heads` names.

    What a family does not have is None: `segment_embedding`, `position_embedding` (its
    `positions` are then rotary or relative), `embedding_norm`, `embedding_projection` (from
    the features of the embeddings to those of the blocks), `final_norm`.

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
                config.embedding_size or config.hidden_size,
                embeddings_initializer=normal(config),
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
        self.position_embedding = (
            embedding("position_embedding", config.max_position_embeddings)
            if config.position_kind == "learned"
            else None
        )
        self.positions = self._positions()
        self.embedding_norm = (
            norm(config, policy, "embedding_norm") if config.embedding_norm else None
        )
        self.embedding_projection = (
            self._dense("embedding_projection", config.hidden_size, None)
            if config.embedding_size
            else None
        )
        self.dropout = keras.layers.Dropout(config.hidden_dropout_prob, dtype=policy)
        block = BLOCKS[config.norm_placement]
        self.blocks = [
            block(config, dtype=policy, name=f"block_{i}")
            for i in range(config.num_hidden_groups or config.num_hidden_layers)
        ]
        self.final_norm = (
            norm(config, policy, "final_norm") if config.norm_placement == "pre" else None
        )
        self.pooler: Any = None
        self.mlm: Any = None
        self.nsp: Any = None
        self.discriminator: Any = None
        self._make_heads()

    def _positions(self):
        """The layer that tells attention where the tokens are; None when vectors are added."""
        config = self.config
        head_size = config.hidden_size // config.num_attention_heads
        if config.position_kind == "rotary":
            return RotaryPositions(head_size=head_size, dtype=self.dtype_policy)
        if config.position_kind == "relative":
            return RelativePositions(
                head_size=head_size,
                max_distance=config.max_relative_position,
                dtype=self.dtype_policy,
            )
        return None

    def _make_heads(self):
        config, policy = self.config, self.dtype_policy
        if "pooler" in config.heads or "nsp" in config.heads:
            self.pooler = self._dense("pooler", config.hidden_size, "tanh")
        if "nsp" in config.heads:
            self.nsp = self._dense("nsp", 2, None)
        if "mlm" in config.heads and config.language_head == "tied":
            self.mlm = TiedLanguageModelHead(self.token_embedding, dtype=policy, name="mlm")
        elif "mlm" in config.heads:
            self.mlm = MaskedLanguageModelHead(
                self.token_embedding,
                hidden_act=config.hidden_act,
                epsilon=config.layer_norm_eps,
                kernel_initializer=normal(config),
                condition_size=config.condition_size,
                dtype=policy,
                name="mlm",
            )
        if "discriminator" in config.heads:
            self.discriminator = DiscriminatorHead(
                hidden_act=config.hidden_act,
                kernel_initializer=normal(config),
                dtype=policy,
                name="discriminator",
            )

    def _dense(self, name, units, activation):
        return keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=normal(self.config),
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, token_ids_shape=None):
        ids, vectors = (None, None), (None, None, self.config.hidden_size)
        embedded = (None, None, self.config.embedding_size or self.config.hidden_size)
        for shape, layers in (
            (ids, (self.token_embedding, self.segment_embedding, self.position_embedding)),
            (embedded, (self.embedding_norm, self.embedding_projection)),
            (vectors, (*self.blocks, self.final_norm, self.mlm, self.discriminator)),
        ):
            for layer in layers:
                if layer is not None:
                    layer.build(shape)
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
        if position_ids is None:
            position_ids = ops.arange(ops.shape(token_ids)[1])[None] + self.config.position_offset
        x = self.embed(token_ids, segment_ids, position_ids, condition, training)
        attention = {"attention_mask": self.attention_mask(token_ids, segment_ids, padding_mask)}
        if self.positions is not None:
            attention[self.config.position_kind] = self.positions(position_ids)
        layers = self.config.num_hidden_layers
        for number in range(layers):
            block = self.blocks[number * len(self.blocks) // layers]  # several may share one
            x = block(x, condition=condition, training=training, **attention)
        return x if self.final_norm is None else self.final_norm(x, condition)

    def embed(self, token_ids, segment_ids, position_ids, condition, training):
        """The sum of the token, segment and position vectors, normalized."""
        x = self.token_embedding(token_ids)
        if self.segment_embedding is not None:
            # RoBERTa has one row: it tells pairs apart by their separators only
            if segment_ids is None or self.config.type_vocab_size == 1:
                segment_ids = ops.zeros_like(token_ids)
            x = x + self.segment_embedding(segment_ids)
        if self.position_embedding is not None:
            x = x + self.position_embedding(position_ids)
        if self.embedding_norm is not None:
            x = self.embedding_norm(x, condition)
        x = self.dropout(x, training=training)
        return x if self.embedding_projection is None else self.embedding_projection(x)

    @property
    def embedding_layers(self):
        """Every layer between the ids and the blocks that has weights."""
        layers = (
            self.token_embedding,
            self.segment_embedding,
            self.position_embedding,
            self.embedding_norm,
            self.embedding_projection,
        )
        return [layer for layer in layers if layer is not None]

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
