"""Boolean attention masks, True where a query may attend to a key.

Every mask broadcasts to `(batch, heads, queries, keys)`.
"""

from __future__ import annotations

from keras import ops

from hornbook.layers.tensors import Tensor


def first_mask(*masks: Tensor) -> Tensor:
    """Returns the first mask that is not None: an argument of the caller comes before Keras's mask.

    Keras passes the mask of a tensor as `mask` if a layer is called with one tensor, and as
    `x_mask`, named after the argument `x`, if there are several.
    """
    return next((mask for mask in masks if mask is not None), None)


def with_padding(attention_mask: Tensor, padding_mask: Tensor) -> Tensor:
    """Returns the conjunction of both masks; None allows everything.

    Args:
        attention_mask: Boolean, broadcasts to `(batch, heads, queries, keys)`.
        padding_mask: `(batch, keys)`, True or 1 at tokens, False or 0 at padding.
    """
    if padding_mask is None:
        return attention_mask
    mask = padding_attention_mask(padding_mask)
    return mask if attention_mask is None else ops.logical_and(attention_mask, mask)


def padding_attention_mask(padding_mask: Tensor) -> Tensor:
    """Hides padding: `(batch, keys)` -> `(batch, 1, 1, keys)`."""
    return ops.cast(padding_mask, "bool")[:, None, None, :]


def causal_attention_mask(query_order: Tensor, key_order: Tensor) -> Tensor:
    """A query sees the keys whose order is at most its own.

    With the order 0, 1, 2 ... each token sees itself and earlier tokens.  With the cumulative sum
    of segment IDs 0 and 1, attention is bidirectional in segment 0 and causal in segment 1
    (UniLM, https://kexue.fm/archives/6933).

    Args:
        query_order: Integers `(batch or 1, queries)`.
        key_order: Integers `(batch or 1, keys)`.

    Returns:
        `(batch or 1, 1, queries, keys)`.
    """
    return (key_order[:, None, :] <= query_order[:, :, None])[:, None]


def document_attention_mask(query_documents: Tensor, key_documents: Tensor) -> Tensor:
    """A query sees the keys of its own document; several short documents can share a row.

    Args:
        query_documents: Integers `(batch, queries)`.
        key_documents: Integers `(batch, keys)`.

    Returns:
        `(batch, 1, queries, keys)`.
    """
    return (key_documents[:, None, :] == query_documents[:, :, None])[:, None]


def window_attention_mask(query_positions: Tensor, key_positions: Tensor, distance: int) -> Tensor:
    """A query sees the keys that are at most `distance` away, on both sides.

    Args:
        query_positions: Integers `(batch or 1, queries)`.
        key_positions: Integers `(batch or 1, keys)`.
        distance: Maximum distance, in positions.

    Returns:
        `(batch or 1, 1, queries, keys)`.
    """
    distances = ops.abs(key_positions[:, None, :] - query_positions[:, :, None])
    return (distances <= distance)[:, None]
