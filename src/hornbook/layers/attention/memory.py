"""The memory of attention: a dict with what later tokens and the next block need."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.tensors import Tensor


def update_memory(
    memory: dict[str, Tensor] | None, key: Tensor, value: Tensor
) -> tuple[Tensor, Tensor]:
    """Writes key and value of some tokens into the slots from `index` on, and returns all slots.

    The tensors of the memory must not be used afterwards: PyTorch updates them in place.

    Args:
        memory: A dict with `key` and `value`, see `without_heads`, and `index`, a scalar tensor;
            it is updated.  With None, or without `key`, nothing is stored.
        key: `(batch, heads, tokens, features)`.
        value: Likewise.

    Returns:
        Key and value of all slots; without a memory, the arguments.
    """
    if memory is None or "key" not in memory:
        return key, value
    for name, new in {"key": key, "value": value}.items():
        memory[name] = write_slots(memory[name], without_heads(new), memory["index"], axis=1)
    return memory["key"], memory["value"]


def without_heads(x: Tensor) -> Tensor:
    """Merges batch and heads: `(batch, heads, slots, features)` -> `(batch * heads, slots,
    features)`.

    The memory has keys and values in this form: with a batch axis of size 1, XLA would copy all
    slots several times per token.
    """
    batch, heads, slots, features = ops.shape(x)
    return ops.reshape(x, (batch * heads, slots, features))


def with_heads(x: Tensor, batch: Any) -> Tensor:
    """The inverse of `without_heads`; a tensor with heads is returned unchanged."""
    if len(x.shape) == 4:
        return x
    heads = x.shape[0] // batch
    return ops.reshape(x, (batch, heads, *ops.shape(x)[1:]))


def count_slices(features: int) -> int:
    """Returns the number of slices, stored like heads, for the features of a single head.

    One head would be an axis of size 1, which XLA copies, see `without_heads`.
    """
    return next(count for count in (4, 3, 2, 1) if features % count == 0)


def split_slices(x: Tensor, size: int) -> Tensor:
    """Splits the features: `(batch, 1, slots, features)` -> `(batch, slices, slots, size)`."""
    batch, _, slots, features = ops.shape(x)
    x = ops.reshape(x, (batch, slots, features // size, size))
    return ops.transpose(x, (0, 2, 1, 3))


def join_slices(x: Tensor, batch: Any) -> Tensor:
    """The inverse of `split_slices`, also of `(batch * slices, slots, size)`."""
    *_, slots, size = ops.shape(x)
    x = ops.transpose(ops.reshape(x, (batch, -1, slots, size)), (0, 2, 1, 3))
    return ops.reshape(x, (batch, 1, slots, -1))


def write_slots(slots: Tensor, new: Tensor, first: Tensor, axis: int) -> Tensor:
    """Returns `slots` with `new` written from slot `first` on.

    Compiled code updates in place if it can; PyTorch always does.

    Args:
        slots: A tensor with slots along `axis`.
        new: The same shape, except for `axis`.
        first: A scalar tensor.
        axis: The axis of the slots.
    """
    new = ops.cast(new, slots.dtype)
    if keras.config.backend() == "torch":
        indices = ops.cast(first, "int64") + ops.arange(new.shape[axis], dtype="int64")
        return slots.index_copy_(axis, indices, new)
    starts = [first if i == axis else 0 for i in range(len(slots.shape))]
    return ops.slice_update(slots, starts, new)


def add_previous_scores(memory: dict[str, Tensor] | None, scores: Tensor) -> Tensor:
    """Adds the scores of the previous block, which are the sum over all earlier ones (RealFormer).

    Args:
        memory: A dict that may have `scores`; the sum replaces them.
        scores: `(batch, heads, queries, keys)`.

    Reference: https://arxiv.org/abs/2012.11747
    """
    if memory is None or "scores" not in memory:
        return scores
    memory["scores"] = scores + ops.cast(memory["scores"], scores.dtype)
    return memory["scores"]
