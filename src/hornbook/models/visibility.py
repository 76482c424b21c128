"""Attention masks from the properties of tokens: order, position, padding, document.

The same code is for whole texts, where the keys are the tokens themselves, and for the next tokens
of a text in a cache.
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
    """Returns the properties of tokens that decide the attention masks.

    Args:
        config: Configuration of the Transformer.
        token_ids, segment_ids, position_ids, padding_mask, cache, document_ids: See
            `Transformer`.

    Returns:
        `position` and `order`, `(batch or 1, length)`; a token attends to tokens of at most its
        order.  `mask`, `(batch, length)`, or None for no padding.  With `document_ids` also
        `document`; a token attends to its own document.
    """
    if document_ids is not None and (cache is not None or config.attention != "full"):
        raise ValueError("document_ids need attention 'full', and do not work with a cache.")
    length, first = ops.shape(token_ids)[1], config.position_offset
    order = ops.arange(length)[None]
    if cache is not None:
        if config.application == "encoder":
            raise ValueError("An encoder attends to later tokens, so it cannot use a cache.")
        if padding_mask is None:
            padding_mask = ops.ones_like(token_ids)
        if position_ids is None:
            previous = ops.cast(cache["tokens"]["mask"], "int32")
            indices = ops.cumsum(ops.cast(padding_mask, "int32"), axis=1) - 1
            indices = indices + ops.sum(previous, axis=1, keepdims=True)
            position_ids = ops.maximum(indices, 0) + first
        order = ops.broadcast_to(order + cache["index"], ops.shape(token_ids))
    elif position_ids is None:
        position_ids = order + first
    if config.application == "prefix_lm":
        if segment_ids is None:
            raise ValueError("A prefix language model needs segment_ids: 0 for the prefix, then 1.")
        order = ops.cumsum(segment_ids, axis=1)
        if cache is not None:
            order = order + ops.max(cache["tokens"]["order"], axis=1, keepdims=True)
    tokens = {"position": position_ids, "order": order, "mask": padding_mask}
    return tokens if document_ids is None else tokens | {"document": document_ids}


def visible_keys(
    config: TransformerConfig, tokens: dict[str, Any], keys: dict[str, Any]
) -> tuple[Tensor, Tensor]:
    """Returns the attention masks of full blocks and of sliding ones.

    Args:
        config: Configuration of the Transformer.
        tokens: From `describe_tokens`: the queries.
        keys: The same for the keys.

    Returns:
        Two boolean masks that broadcast to `(batch, heads, length, keys)`; None if everything is
        visible.
    """
    masks = []
    if config.application != "encoder":
        masks.append(causal_attention_mask(tokens["order"], keys["order"]))
    if keys["mask"] is not None:
        masks.append(padding_attention_mask(keys["mask"]))
    if "document" in tokens:
        masks.append(document_attention_mask(tokens["document"], keys["document"]))
    if config.attention_window is None:
        return _all_of(masks), _all_of(masks)
    window = window_attention_mask(tokens["position"], keys["position"], config.attention_window)
    return _all_of(masks), _all_of([*masks, window])


def _all_of(masks: list[Tensor]) -> Any:
    """Returns the conjunction of the masks; None if there is none."""
    return functools.reduce(ops.logical_and, masks) if masks else None
