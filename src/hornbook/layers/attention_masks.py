"""Who may look at whom: boolean masks, True where a query may see a key.

Every mask broadcasts to `(batch, heads, queries, keys)`.
"""

from __future__ import annotations

from keras import ops


def padding_attention_mask(padding_mask):
    """Real tokens may be seen.  `(batch, keys)` -> `(batch, 1, 1, keys)`."""
    return ops.cast(padding_mask, "bool")[:, None, None, :]


def causal_attention_mask(num_queries, num_keys):
    """Each position sees itself and what came before -> `(1, 1, queries, keys)`.

    The last query is aligned with the last key.
    """
    queries = ops.arange(num_queries)[:, None] + (num_keys - num_queries)
    return (ops.arange(num_keys)[None, :] <= queries)[None, None]


def prefix_attention_mask(segment_ids):
    """Segment 0 is read both ways, segment 1 is written from left to right (UniLM).

    Args:
        segment_ids: `(batch, length)` of 0 and 1.

    Returns:
        `(batch, 1, length, length)`.

    Reference: https://kexue.fm/archives/6933
    """
    written = ops.cumsum(segment_ids, axis=1)
    return (written[:, None, :] <= written[:, :, None])[:, None]


def window_attention_mask(num_queries, num_keys, farthest):
    """Each position sees those at most `farthest` away, on both sides -> `(1, 1, queries, keys)`.

    The last query is aligned with the last key.
    """
    queries = ops.arange(num_queries)[:, None] + (num_keys - num_queries)
    return (ops.abs(ops.arange(num_keys)[None, :] - queries) <= farthest)[None, None]
