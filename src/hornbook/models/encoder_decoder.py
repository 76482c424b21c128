"""Encoder-decoder models (T5, BART): two Transformers with cross-attention."""

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
    """Maps token IDs of encoder and decoder to one vector per token of the decoder.

    Encoder and decoder share `token_embedding`.  With the application `encoder`, `decoder` is
    None, and the call returns the output of the encoder.

    Call arguments:
        token_ids: Integers `(batch, length)`, the input of the encoder.
        decoder_token_ids: Integers `(batch, decoder_length)`.
        padding_mask: `(batch, length)`, see `Transformer`.
        decoder_padding_mask: `(batch, decoder_length)`.
        mask, token_ids_mask, decoder_token_ids_mask: Filled in by Keras.
        condition: `(batch, condition_size)`, required exactly when the configuration has it.
        segment_ids: Not used: in these families only separators tell the texts of a pair apart.

    Returns:
        `(batch, decoder_length, hidden_size)`, or `(batch, length, hidden_size)` for the encoder
        alone.  `mlm`, if it is in `config.heads`, maps it to logits.
    """

    def __init__(self, config: TransformerConfig, **kwargs: Any) -> None:
        kwargs.setdefault("name", config.family.replace(".", "_"))  # PyTorch allows no dots
        super().__init__(config, **kwargs)
        policy = self.dtype_policy
        self.token_embedding = make_token_embedding(config, policy)
        shared = {"token_embedding": self.token_embedding, "dtype": policy}
        self.encoder = Transformer(config.encoder_config, name="encoder", **shared)
        self.decoder: Any = None
        self.mlm: Any = None
        self.pooler: Any = None
        if config.application == "seq2seq":
            self.decoder = Transformer(config.decoder_config, name="decoder", **shared)
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
            raise ValueError(
                "A seq2seq model needs decoder_token_ids: the tokens generated so far."
            )
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
        """Encodes a text, and returns a cache for `decoder` without tokens.

        Args:
            token_ids: Integers `(batch, length)`, the input of the encoder.
            slots: Maximum number of tokens of the decoder.
            padding_mask: `(batch, length)`.
            condition: `(batch, condition_size)`.
        """
        encoded = self.encoder(token_ids, padding_mask=padding_mask, condition=condition)
        batch = ops.shape(token_ids)[0]
        cache = empty_cache(self.decoder.config, batch, slots, self.compute_dtype)
        for block, memory in zip(self.decoder.blocks, cache["blocks"], strict=True):
            key, value = block.cross_attention.key_and_value(encoded)
            memory |= {"cross_key": without_heads(key), "cross_value": without_heads(value)}
        if padding_mask is None:
            padding_mask = ops.ones_like(token_ids)
        return cache | {"encoder_mask": ops.cast(padding_mask, "bool")}

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
