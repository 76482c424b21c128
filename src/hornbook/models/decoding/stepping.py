"""The compiled steps of generation: from tokens and a cache to logits of the next token.

The same `call` as in training is compiled here with a cache, once per shape.
"""

from __future__ import annotations

from typing import Any

from hornbook.layers.tensors import Tensor
from hornbook.models.configuration.transformer_config import TransformerConfig
from hornbook.models.decoding.cache import empty_cache, forget, take_rows
from hornbook.models.decoding.compiling import compiled


class CompiledSteps:
    """The compiled functions of one model.

    Args:
        model: A built `Transformer` or `EncoderDecoder` with the head `mlm`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.decoder = model.decoder if model.config.encoder_decoder else model
        # the cache is the last argument, and donated: it is updated in place if the backend can
        self.encode = compiled(model, self._encode)
        self.prefill = compiled(model, self._prefill, donate_last=True)
        self.step = compiled(model, self._step, donate_last=True, repeated=True)
        self.forget = compiled(model, lambda counts, cache: forget(cache, counts))
        self.take_rows = compiled(model, lambda rows, cache: take_rows(cache, rows))

    def empty(self, batch: int, slots: int) -> dict[str, Any]:
        """Returns a cache without tokens."""
        return empty_cache(self.decoder.config, batch, slots, self.model.compute_dtype)

    @property
    def positions(self) -> int | None:
        """Number of positions of the decoder; None if there is no maximum."""
        return _positions(self.decoder.config)

    @property
    def encoder_positions(self) -> int | None:
        """Number of positions of the encoder of an encoder-decoder model; None for no maximum."""
        return _positions(self.model.encoder.config)

    def _encode(
        self, token_ids: Tensor, padding_mask: Tensor, slots: Tensor, condition: Tensor = None
    ) -> Tensor:
        """Returns a decoder's cache for an encoded text; `slots` is any array of that length."""
        cache = self.model.start(token_ids, slots.shape[0], padding_mask, condition)
        return cache if condition is None else cache | {"condition": condition}

    def _prefill(
        self,
        token_ids: Tensor,
        padding_mask: Tensor,
        segment_ids: Tensor,
        cache: dict[str, Any],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Adds a prompt that ends at the last column to the cache, see `_step`."""
        x, cache = self._decode(token_ids, padding_mask, segment_ids, cache)
        return self.model.mlm(x[:, -1:], cache.get("condition")), x[:, -1:], cache

    def _step(
        self,
        token_ids: Tensor,
        padding_mask: Tensor,
        segment_ids: Tensor,
        cache: dict[str, Any],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Adds tokens to the cache.

        Returns:
            Logits `(batch, tokens, vocabulary)` of the token after each; the hidden vectors they
            were computed from; the cache.
        """
        x, cache = self._decode(token_ids, padding_mask, segment_ids, cache)
        return self.model.mlm(x, cache.get("condition")), x, cache

    def _decode(
        self,
        token_ids: Tensor,
        padding_mask: Tensor,
        segment_ids: Tensor,
        cache: dict[str, Any],
    ) -> Tensor:
        return self.decoder(
            token_ids,
            segment_ids=segment_ids,
            padding_mask=padding_mask,
            condition=cache.get("condition"),
            cache=cache,
        )


def _positions(config: TransformerConfig) -> int | None:
    return config.max_length if config.position_kind == "learned" else None
