"""Which token sees which: what is known of each, and the masks that follow from it.

The same for a whole text at once, where keys are the tokens themselves, and for the next tokens
of one that lies in a cache.
"""

from __future__ import annotations

import functools
from typing import Any

from keras import ops

from hornbook.layers.attention.masks import (
    causal_attention_mask,
    document_attention_mask,
    padding_attention_mask,
    window_attention_mask,
)
from hornbook.layers.tensors import Tensor
from hornbook.models.configuration.transformer_config import TransformerConfig


def describe_tokens(
    config: TransformerConfig,
    token_ids: Tensor,
    segment_ids: Tensor,
    position_ids: Tensor,
    padding_mask: Tensor,
    cache: dict[str, Any] | None,
    document_ids: Tensor = None,
) -> dict[str, Any]:
    """What decides who sees whom.

    Args:
        config: Of the Transformer.
        token_ids, segment_ids, position_ids, padding_mask, cache, document_ids: See
            `Transformer`.

    Returns:
        `position` and `order`, `(batch or 1, length)`; a token sees those of its order and
        below.  `real`, `(batch, length)`, or None for all.  With `document_ids` also
        `document`; a token sees those of its own.
    """
    if document_ids is not None and (cache is not None or config.attention != "full"):
        raise ValueError("document_ids are for texts read at once, with attention 'full'.")
    length, first = ops.shape(token_ids)[1], config.position_offset
    order = ops.arange(length)[None]
    if cache is not None:
        if config.application == "encoder":
            raise ValueError("An encoder sees what comes later, so it has no cache.")
        if padding_mask is None:
            padding_mask = ops.ones_like(token_ids)
        if position_ids is None:
            before = ops.cast(cache["tokens"]["real"], "int32")
            numbers = ops.cumsum(ops.cast(padding_mask, "int32"), axis=1) - 1
            numbers = numbers + ops.sum(before, axis=1, keepdims=True)
            position_ids = ops.maximum(numbers, 0) + first
        order = ops.broadcast_to(order + cache["index"], ops.shape(token_ids))
    elif position_ids is None:
        position_ids = order + first
    if config.application == "prefix_lm":
        if segment_ids is None:
            raise ValueError("A prefix language model needs segment_ids: 0 read, 1 written.")
        order = ops.cumsum(segment_ids, axis=1)
        if cache is not None:
            order = order + ops.max(cache["tokens"]["order"], axis=1, keepdims=True)
    tokens = {"position": position_ids, "order": order, "real": padding_mask}
    return tokens if document_ids is None else tokens | {"document": document_ids}


def visible_keys(
    config: TransformerConfig, tokens: dict[str, Any], keys: dict[str, Any]
) -> tuple[Tensor, Tensor]:
    """The attention masks of blocks that see everything, and of those that slide.

    Args:
        config: Of the Transformer.
        tokens: Of `describe_tokens`: those that look.
        keys: The same of those that are looked at.

    Returns:
        Two boolean masks that broadcast to `(batch, heads, length, keys)`; None where all see
        all.
    """
    masks = []
    if config.application != "encoder":
        masks.append(causal_attention_mask(tokens["order"], keys["order"]))
    if keys["real"] is not None:
        masks.append(padding_attention_mask(keys["real"]))
    if "document" in tokens:
        masks.append(document_attention_mask(tokens["document"], keys["document"]))
    if config.attention_window is None:
        return _all_of(masks), _all_of(masks)
    window = window_attention_mask(tokens["position"], keys["position"], config.attention_window)
    return _all_of(masks), _all_of([*masks, window])


def _all_of(masks: list[Tensor]) -> Any:
    """What every mask allows; None when there is none."""
    return functools.reduce(ops.logical_and, masks) if masks else None
