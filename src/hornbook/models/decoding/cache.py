"""The cache of a Transformer, so that each token is computed once.

A cache is a dict of tensors, which every backend can pass through a compiled function:

    index: number of filled slots, a scalar
    tokens: properties of the token in each slot, `(batch, slots)`: `mask`, False for padding; its
        `position`; and for prefix language models the cumulative sum of segment IDs, `order`
    blocks: for each layer `key` and `value`, `(batch * heads, slots, features)`, with slices of the
        features in place of heads if there is only one head (gated units); or the state of a kind
        of attention other than full, whose size does not depend on the number of tokens; and
        `cross_key` and `cross_value` of a decoder
    encoder_mask: `(batch, keys)`, False for padding of the encoder's input (decoders)
    condition: `(batch, condition_size)`, the condition of every norm, if the model has one
"""

from __future__ import annotations

from typing import Any

from keras import ops

from hornbook.errors import OptionError
from hornbook.layers.attention.memory import count_slices, write_slots
from hornbook.layers.tensors import Tensor
from hornbook.models.configuration.attention_choice import empty_states
from hornbook.models.configuration.transformer_config import TransformerConfig


def empty_cache(config: TransformerConfig, batch: int, slots: int, dtype: str) -> dict[str, Any]:
    """Returns a cache without tokens.

    Args:
        config: Configuration of the Transformer.
        batch: Number of rows.
        slots: Maximum number of tokens, padding included.
        dtype: Type of keys and values: the compute dtype of the model.
    """
    one_head = config.block == "gau"
    heads = config.num_key_value_heads or config.num_attention_heads
    value_size = config.intermediate_size if one_head else config.head_size
    if config.attention == "full":
        sizes = {"key": config.head_size, "value": value_size}
        shapes = {name: (batch * heads, slots, size) for name, size in sizes.items()}
        if one_head:
            for name, size in sizes.items():
                slices = count_slices(size)
                shapes[name] = (batch * slices, slots, size // slices)
        blocks = [
            {name: ops.zeros(shape, dtype) for name, shape in shapes.items()}
            for _ in range(config.num_hidden_layers)
        ]
    else:
        blocks = empty_states(config, batch, value_size, dtype)
    return {
        "index": ops.zeros((), "int32"),
        "tokens": {
            "mask": ops.zeros((batch, slots), "bool"),
            "position": ops.zeros((batch, slots), "int32"),
            "order": ops.zeros((batch, slots), "int32"),
        },
        "blocks": blocks,
    }


def add_tokens(cache: dict[str, Any], tokens: dict[str, Any]) -> dict[str, Any]:
    """Returns the properties of all slots, with those of new tokens added.

    Args:
        cache: From `empty_cache` or an earlier step.
        tokens: Properties of the new tokens, `(batch, new)` each.
    """
    return {
        name: write_slots(slots, tokens[name], cache["index"], axis=1)
        for name, slots in cache["tokens"].items()
    }


def take_rows(cache: dict[str, Any], rows: Tensor) -> dict[str, Any]:
    """Returns a cache whose row `i` is row `rows[i]`: for beams, and several samples per prompt."""

    batch = ops.shape(cache["tokens"]["mask"])[0]

    def take(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: take(item) for name, item in value.items()}
        if isinstance(value, list):
            return [take(item) for item in value]
        if len(value.shape) == 0:
            return value
        shape = ops.shape(value)[1:]
        value = ops.reshape(value, (batch, -1, *shape))  # the first axis may be batch * heads
        return ops.reshape(ops.take(value, rows, axis=0), (-1, *shape))

    return take(cache)


def forget(cache: dict[str, Any], counts: Tensor) -> dict[str, Any]:
    """Removes the last `counts[i]` tokens of row `i`; padding does not count.

    Slots at the end that are free in every row will be used again.

    Args:
        cache: The cache.
        counts: Integers `(batch,)`.

    Raises:
        OptionError: its attention has only sums, or only the last tokens.
    """
    if any("key" not in block for block in cache["blocks"]):
        raise OptionError(
            "This model's attention does not keep single tokens, so none can be removed.\n"
            "Generate without a draft, or load the model with attention='full'."
        )
    tokens = dict(cache["tokens"])
    mask = ops.cast(tokens["mask"], "int32")
    from_the_end = ops.flip(ops.cumsum(ops.flip(mask, axis=1), axis=1), axis=1)
    tokens["mask"] = ops.logical_and(tokens["mask"], from_the_end > counts[:, None])
    ends = ops.where(tokens["mask"], ops.arange(1, mask.shape[1] + 1)[None], 0)
    return cache | {"tokens": tokens, "index": ops.cast(ops.max(ends), "int32")}
