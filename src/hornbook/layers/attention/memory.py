"""What attention leaves for the next token and for the block above: a dict that is passed on."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.tensors import Tensor


def put_in_memory(
    memory: dict[str, Tensor] | None, key: Tensor, value: Tensor
) -> tuple[Tensor, Tensor]:
    """Writes key and value of some tokens into the slots from `index` on, and returns all slots.

    The tensors of the memory are given away: PyTorch changes them.

    Args:
        memory: A dict with `key` and `value`, see `without_heads`, and `index`, a scalar tensor;
            brought up to date.  None, or without a key: nothing is remembered.
        key: `(batch, heads, tokens, features)`.
        value: Likewise.

    Returns:
        Key and value as the memory has them, or as they came.
    """
    if memory is None or "key" not in memory:
        return key, value
    for name, new in {"key": key, "value": value}.items():
        memory[name] = put_in_slots(memory[name], without_heads(new), memory["index"], axis=1)
    return memory["key"], memory["value"]


def without_heads(x: Tensor) -> Tensor:
    """Of `(batch, heads, slots, features)` `(batch * heads, slots, features)`, which is how keys
    and values are remembered: with a batch of one on an axis of its own, XLA would copy all
    slots several times for each token.
    """
    batch, heads, slots, features = ops.shape(x)
    return ops.reshape(x, (batch * heads, slots, features))


def with_heads(x: Tensor, batch: Any) -> Tensor:
    """The inverse of `without_heads`; what has its heads is left as it is."""
    if len(x.shape) == 4:
        return x
    heads = x.shape[0] // batch
    return ops.reshape(x, (batch, heads, *ops.shape(x)[1:]))


def count_slices(features: int) -> int:
    """In how many slices the features of a single head are remembered, as if they were heads:
    of a batch of one, one head alone would be copied like any axis of one.
    """
    return next(count for count in (4, 3, 2, 1) if features % count == 0)


def in_slices(x: Tensor, size: int) -> Tensor:
    """`(batch, 1, slots, features)` -> `(batch, slices, slots, size)`."""
    batch, _, slots, features = ops.shape(x)
    x = ops.reshape(x, (batch, slots, features // size, size))
    return ops.transpose(x, (0, 2, 1, 3))


def joined_slices(x: Tensor, batch: Any) -> Tensor:
    """`(batch * slices, slots, size)`, or with two axes for the first, -> `(batch, 1, slots,
    features)`.
    """
    *_, slots, size = ops.shape(x)
    x = ops.transpose(ops.reshape(x, (batch, -1, slots, size)), (0, 2, 1, 3))
    return ops.reshape(x, (batch, 1, slots, -1))


def put_in_slots(held: Tensor, new: Tensor, first: Tensor, axis: int) -> Tensor:
    """`held` with `new` in its slots from `first` on.

    What compiles makes the change in place if it may; PyTorch does it here, in every case.

    Args:
        held: A tensor with slots along `axis`.
        new: The same shape, but for the slots.
        first: A scalar tensor.
        axis: Which.
    """
    new = ops.cast(new, held.dtype)
    if keras.config.backend() == "torch":
        slots = ops.cast(first, "int64") + ops.arange(new.shape[axis], dtype="int64")
        return held.index_copy_(axis, slots, new)
    return ops.slice_update(held, [first if i == axis else 0 for i in range(len(held.shape))], new)


def add_scores_below(memory: dict[str, Tensor] | None, scores: Tensor) -> Tensor:
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
