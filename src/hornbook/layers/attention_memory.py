"""What attention leaves for the next token and for the block above: a dict that is passed on."""

from __future__ import annotations

from keras import ops


def put_in_memory(memory, key, value):
    """Writes key and value of some tokens into the slots from `index` on, and returns all slots.

    Args:
        memory: A dict with `key` and `value`, `(batch, heads, slots, features)`, and `index`, a
            scalar tensor; brought up to date.  None, or without a key: nothing is remembered.
        key: `(batch, heads, tokens, features)`.
        value: Likewise.
    """
    if memory is None or "key" not in memory:
        return key, value
    start = (0, 0, memory["index"], 0)
    for name, new in {"key": key, "value": value}.items():
        memory[name] = ops.slice_update(memory[name], start, ops.cast(new, memory[name].dtype))
    return memory["key"], memory["value"]


def add_scores_below(memory, scores):
    """Scores plus those of the block below, which are the sum of all below it (RealFormer).

    Args:
        memory: A dict that may have `scores`; they become the sum.
        scores: `(batch, heads, queries, keys)`.

    Reference: https://arxiv.org/abs/2012.11747
    """
    if memory is None or "scores" not in memory:
        return scores
    memory["scores"] = scores + ops.cast(memory["scores"], scores.dtype)
    return memory["scores"]
