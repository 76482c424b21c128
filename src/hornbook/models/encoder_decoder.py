"""Two Transformers: one reads, the other writes what it has read about (T5, BART)."""

from __future__ import annotations

from typing import Any, Self

import keras
from keras import ops

from hornbook.layers.attention.masks import first_mask
from hornbook.layers.attention.memory import without_heads
from hornbook.layers.parts import name_parts, offer_parts
from hornbook.layers.tensors import Shape, Tensor
from hornbook.models.blocks import normal
from hornbook.models.configuration.configured_layer import ConfiguredLayer
from hornbook.models.configuration.transformer_config import TransformerConfig
from hornbook.models.decoding.cache import empty_cache
from hornbook.models.heads.output_heads import make_language_head
from hornbook.models.id_checks import ChecksIds
from hornbook.models.transformer import Transformer, make_token_embedding

PARTS = ("token_embedding", "encoder", "decoder", "mlm")


@keras.saving.register_keras_serializable("hornbook")
class EncoderDecoder(ChecksIds, ConfiguredLayer):
    """Token ids to read, and token ids written so far, to one vector for each of the latter.

    Both stacks share `token_embedding`.  With the application `encoder` there is no `decoder`
    (it is None), and the call returns what the encoder makes of the tokens.

    Call arguments:
        token_ids: Integers `(batch, length)`, the text to read.
        decoder_token_ids: Integers `(batch, written)`.
        padding_mask: `(batch, length)`, see `Transformer`.
        decoder_padding_mask: `(batch, written)`.
        mask, token_ids_mask, decoder_token_ids_mask: Filled in by Keras.
        condition: `(batch, condition_size)`, required exactly when the configuration has it.
        segment_ids: Not used, these families tell pairs apart by their separators only.

    Returns:
        `(batch, written, hidden_size)`, or `(batch, length, hidden_size)` of the encoder alone.
        `mlm`, if `config.heads` names it, makes logits of it.
    """

    def __init__(self, config: TransformerConfig, **kwargs: Any) -> None:
        kwargs.setdefault("name", config.family.replace(".", "_"))  # PyTorch allows no dots
        super().__init__(config, **kwargs)
        policy = self.dtype_policy
        self.token_embedding = make_token_embedding(config, policy)
        shared = {"token_embedding": self.token_embedding, "dtype": policy}
        self.encoder = Transformer(config.of_encoder, name="encoder", **shared)
        self.decoder: Any = None
        self.mlm: Any = None
        self.pooler: Any = None
        if config.application == "seq2seq":
            self.decoder = Transformer(config.of_decoder, name="decoder", **shared)
            if "mlm" in config.heads:
                self.mlm = make_language_head(
                    config, self.token_embedding, kernel_initializer=normal(config), dtype=policy
                )

        self.identity = name_parts(self, PARTS)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "identity": self.identity}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = dict(config)
        identity = config.pop("identity")
        layer = super().from_config(config)
        offer_parts(layer, PARTS, identity)
        return layer

    def build(
        self, token_ids_shape: Shape | None = None, decoder_token_ids_shape: Shape | None = None
    ) -> None:
        self.token_embedding.build((None, None))
        for stack in (self.encoder, self.decoder):
            if stack is not None:
                stack.build()
        if self.mlm is not None:
            self.mlm.build((None, None, self.config.hidden_size))
        self.built = True

    def call(
        self,
        token_ids: Tensor,
        decoder_token_ids: Tensor = None,
        padding_mask: Tensor = None,
        decoder_padding_mask: Tensor = None,
        condition: Tensor = None,
        segment_ids: Tensor = None,
        mask: Tensor = None,
        token_ids_mask: Tensor = None,
        decoder_token_ids_mask: Tensor = None,
        training: bool | None = None,
    ) -> Tensor:
        padding_mask = first_mask(padding_mask, mask, token_ids_mask)
        decoder_padding_mask = first_mask(decoder_padding_mask, decoder_token_ids_mask)
        encoded = self.encoder(
            token_ids, padding_mask=padding_mask, condition=condition, training=training
        )
        if self.decoder is None:
            return encoded
        if decoder_token_ids is None:
            raise ValueError("A model that writes needs decoder_token_ids: what is written so far.")
        return self.decoder(
            decoder_token_ids,
            padding_mask=decoder_padding_mask,
            condition=condition,
            encoded=encoded,
            encoded_padding_mask=padding_mask,
            training=training,
        )

    def start(
        self, token_ids: Tensor, slots: int, padding_mask: Tensor = None, condition: Tensor = None
    ) -> Tensor:
        """A cache for `decoder` that has read a text and written nothing.

        Args:
            token_ids: Integers `(batch, length)`, the text to read.
            slots: Tokens that can be written.
            padding_mask: `(batch, length)`.
            condition: `(batch, condition_size)`.
        """
        encoded = self.encoder(token_ids, padding_mask=padding_mask, condition=condition)
        batch = ops.shape(token_ids)[0]
        cache = empty_cache(self.decoder.config, batch, slots, self.compute_dtype)
        for block, kept in zip(self.decoder.blocks, cache["blocks"], strict=True):
            key, value = block.cross_attention.key_and_value(encoded)
            kept |= {"cross_key": without_heads(key), "cross_value": without_heads(value)}
        if padding_mask is None:
            padding_mask = ops.ones_like(token_ids)
        return cache | {"encoded_real": ops.cast(padding_mask, "bool")}

    def compute_mask(self, token_ids: Tensor, previous_mask: Tensor) -> Tensor:
        return previous_mask if self.decoder is None else None

    def compute_output_shape(
        self,
        token_ids_shape: Shape,
        decoder_token_ids_shape: Shape | None = None,
        **other_shapes: Any,
    ) -> Shape:
        shape = decoder_token_ids_shape
        if self.decoder is None or shape is None:
            shape = token_ids_shape
        return (*shape, self.config.hidden_size)
