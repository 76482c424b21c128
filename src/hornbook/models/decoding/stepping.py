"""A model's step, compiled: tokens in, logits of the next token out, with what is kept between.

The same `call` that trains is compiled here with a cache, once for each shape.
"""

from __future__ import annotations

from typing import Any

from hornbook.layers.tensors import Tensor
from hornbook.models.configuration.transformer_config import TransformerConfig
from hornbook.models.decoding.cache import empty_cache, forget, take_rows
from hornbook.models.decoding.compiling import compiled


class CompiledSteps:
    """The compiled functions of one model; they live as long as this object.

    Args:
        model: A built `Transformer` or `EncoderDecoder` with the head `mlm`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.writer = model.decoder if model.config.encoder_decoder else model
        # the cache comes last and is given away: it is changed in place where a backend can
        self.read = compiled(model, self._read)
        self.begin = compiled(model, self._begin, gives_last_away=True)
        self.step = compiled(model, self._step, gives_last_away=True, often=True)
        self.forget = compiled(model, lambda counts, cache: forget(cache, counts))
        self.take_rows = compiled(model, lambda rows, cache: take_rows(cache, rows))

    def empty(self, batch: int, slots: int) -> dict[str, Any]:
        """A cache that has seen nothing."""
        return empty_cache(self.writer.config, batch, slots, self.model.compute_dtype)

    @property
    def positions(self) -> int | None:
        """Tokens that the writing stack has positions for; None: no last one."""
        return _positions(self.writer.config)

    @property
    def encoder_positions(self) -> int | None:
        """The same of the stack that reads, where there are two."""
        return _positions(self.model.encoder.config)

    def _read(
        self, token_ids: Tensor, padding_mask: Tensor, slots: Tensor, condition: Tensor = None
    ) -> Tensor:
        """A decoder's cache that has read a text; `slots` is an array of as many elements."""
        cache = self.model.start(token_ids, slots.shape[0], padding_mask, condition)
        return cache if condition is None else cache | {"condition": condition}

    def _begin(
        self,
        token_ids: Tensor,
        padding_mask: Tensor,
        segment_ids: Tensor,
        cache: dict[str, Any],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Puts a prompt that ends at the last column into the cache; see `_step`."""
        x, cache = self._write(token_ids, padding_mask, segment_ids, cache)
        return self.model.mlm(x[:, -1:], cache.get("condition")), x[:, -1:], cache

    def _step(
        self,
        token_ids: Tensor,
        padding_mask: Tensor,
        segment_ids: Tensor,
        cache: dict[str, Any],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Puts tokens into the cache.

        Returns:
            Logits `(batch, tokens, vocabulary)` of what comes after each; the hidden vectors
            they were made of; the cache.
        """
        x, cache = self._write(token_ids, padding_mask, segment_ids, cache)
        return self.model.mlm(x, cache.get("condition")), x, cache

    def _write(
        self,
        token_ids: Tensor,
        padding_mask: Tensor,
        segment_ids: Tensor,
        cache: dict[str, Any],
    ) -> Tensor:
        return self.writer(
            token_ids,
            segment_ids=segment_ids,
            padding_mask=padding_mask,
            condition=cache.get("condition"),
            cache=cache,
        )


def _positions(config: TransformerConfig) -> int | None:
    return config.max_length if config.position_kind == "learned" else None
