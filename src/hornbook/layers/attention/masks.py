"""Who may look at whom: boolean masks, True where a query may see a key.

Every mask broadcasts to `(batch, heads, queries, keys)`.
"""

from __future__ import annotations

from keras import ops

from hornbook.layers.tensors import Tensor


def first_mask(*masks: Tensor) -> Tensor:
    """The first that is not None: what a caller passed, before what Keras carries with a tensor.

    Keras fills the call argument `mask` where a layer is called with one tensor, and `x_mask`,
    named after the argument `x`, where with several.
    """
    return next((mask for mask in masks if mask is not None), None)


def with_padding(attention_mask: Tensor, padding_mask: Tensor) -> Tensor:
    """What both allow; either may be None, which allows everything.

    Args:
        attention_mask: Boolean, broadcasts to `(batch, heads, queries, keys)`.
        padding_mask: `(batch, keys)`, True or 1 at real tokens.
    """
    if padding_mask is None:
        return attention_mask
    real = padding_attention_mask(padding_mask)
    return real if attention_mask is None else ops.logical_and(attention_mask, real)


def padding_attention_mask(padding_mask: Tensor) -> Tensor:
    """Real tokens may be seen.  `(batch, keys)` -> `(batch, 1, 1, keys)`."""
    return ops.cast(padding_mask, "bool")[:, None, None, :]


def causal_attention_mask(query_order: Tensor, key_order: Tensor) -> Tensor:
    """A query sees the keys whose number is not above its own.

    With the numbers 0, 1, 2 ... each token sees itself and what came before.  With the running
    sum of segment ids 0 and 1, segment 0 is read both ways and segment 1 written from left to
    right (UniLM, https://kexue.fm/archives/6933).

    Args:
        query_order: Integers `(batch or 1, queries)`.
        key_order: Integers `(batch or 1, keys)`.

    Returns:
        `(batch or 1, 1, queries, keys)`.
    """
    return (key_order[:, None, :] <= query_order[:, :, None])[:, None]


def document_attention_mask(query_documents: Tensor, key_documents: Tensor) -> Tensor:
    """A query sees the keys of its own document: several short ones can share a row.

    Args:
        query_documents: Integers `(batch, queries)`.
        key_documents: Integers `(batch, keys)`.

    Returns:
        `(batch, 1, queries, keys)`.
    """
    return (key_documents[:, None, :] == query_documents[:, :, None])[:, None]


def window_attention_mask(query_positions: Tensor, key_positions: Tensor, farthest: int) -> Tensor:
    """A query sees the keys that are at most `farthest` away, on both sides.

    Args:
        query_positions: Integers `(batch or 1, queries)`.
        key_positions: Integers `(batch or 1, keys)`.
        farthest: How far, in positions.

    Returns:
        `(batch or 1, 1, queries, keys)`.
    """
    distances = ops.abs(key_positions[:, None, :] - query_positions[:, :, None])
    return (distances <= farthest)[:, None]
