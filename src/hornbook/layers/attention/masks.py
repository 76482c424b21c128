"""Who may look at whom: boolean masks, True where a query may see a key.

Every mask broadcasts to `(batch, heads, queries, keys)`.
"""

from __future__ import annotations

from keras import ops


def padding_attention_mask(padding_mask):
    """Real tokens may be seen.  `(batch, keys)` -> `(batch, 1, 1, keys)`."""
    return ops.cast(padding_mask, "bool")[:, None, None, :]


def causal_attention_mask(query_order, key_order):
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


def document_attention_mask(query_documents, key_documents):
    """A query sees the keys of its own document: several short ones can share a row.

    Args:
        query_documents: Integers `(batch, queries)`.
        key_documents: Integers `(batch, keys)`.

    Returns:
        `(batch, 1, queries, keys)`.
    """
    return (key_documents[:, None, :] == query_documents[:, :, None])[:, None]


def window_attention_mask(query_positions, key_positions, farthest: int):
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
