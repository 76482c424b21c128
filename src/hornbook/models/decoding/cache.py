"""What a Transformer keeps of the tokens it has seen, so that each is computed once.

A cache is a dict of tensors, which every backend can pass through a compiled function:

    index: how many slots are filled, a scalar
    tokens: what is known of the token in each slot, `(batch, slots)`: whether it is `real`, its
        `position`, and for prefix language models the running sum of segment ids, `order`
    blocks: for each layer `key` and `value`, `(batch * heads, slots, features)`, slices of the
        features in place of heads where there is one head only (gated units); or the state of
        a kind of attention other than full, whose size does not depend on how many tokens there
        were; and `cross_key` and `cross_value` of a decoder
    encoded_real: `(batch, keys)`, which tokens of the text to read are real (decoders)
    condition: `(batch, condition_size)`, what every norm listens to, where the model has one
"""

from __future__ import annotations

from typing import Any

from keras import ops

from hornbook.errors import OptionError
from hornbook.layers.attention.memory import count_slices, put_in_slots
from hornbook.layers.tensors import Tensor
from hornbook.models.configuration.attention_choice import empty_states
from hornbook.models.configuration.transformer_config import TransformerConfig


def empty_cache(config: TransformerConfig, batch: int, slots: int, dtype: str) -> dict[str, Any]:
    """A cache that has seen nothing.

    Args:
        config: Of the Transformer.
        batch: Rows.
        slots: Tokens that fit, padding included.
        dtype: Of keys and values: what the model computes in.
    """
    one_head = config.block == "gau"
    heads = config.num_key_value_heads or config.num_attention_heads
    values = config.intermediate_size if one_head else config.head_size
    if config.attention == "full":
        sizes = {"key": config.head_size, "value": values}
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
        blocks = empty_states(config, batch, values, dtype)
    return {
        "index": ops.zeros((), "int32"),
        "tokens": {
            "real": ops.zeros((batch, slots), "bool"),
            "position": ops.zeros((batch, slots), "int32"),
            "order": ops.zeros((batch, slots), "int32"),
        },
        "blocks": blocks,
    }


def add_tokens(cache: dict[str, Any], tokens: dict[str, Any]) -> dict[str, Any]:
    """What is known of every slot once these tokens are in theirs.

    Args:
        cache: Of `empty_cache`, or a later one.
        tokens: `(batch, new)` each, as in the cache.
    """
    return {
        name: put_in_slots(held, tokens[name], cache["index"], axis=1)
        for name, held in cache["tokens"].items()
    }


def take_rows(cache: dict[str, Any], rows: Tensor) -> dict[str, Any]:
    """The cache whose row `i` is row `rows[i]` of this one: beams, and several of one prompt."""

    batch = ops.shape(cache["tokens"]["real"])[0]

    def take(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: take(one) for name, one in value.items()}
        if isinstance(value, list):
            return [take(one) for one in value]
        if len(value.shape) == 0:
            return value
        rest = ops.shape(value)[1:]
        value = ops.reshape(value, (batch, -1, *rest))  # keys have their heads beside the rows
        return ops.reshape(ops.take(value, rows, axis=0), (-1, *rest))

    return take(cache)


def forget(cache: dict[str, Any], counts: Tensor) -> dict[str, Any]:
    """The cache less the last `counts[i]` real tokens of row `i`.

    Slots at the end that are free in every row will be used again.

    Args:
        cache: Any.
        counts: Integers `(batch,)`.

    Raises:
        OptionError: its attention keeps sums, or the last tokens only.
    """
    if any("key" not in block for block in cache["blocks"]):
        raise OptionError(
            "This model's attention keeps no single tokens, so it cannot take any back.\n"
            "Write without a draft, or load it with attention='full'."
        )
    tokens = dict(cache["tokens"])
    real = ops.cast(tokens["real"], "int32")
    from_the_end = ops.flip(ops.cumsum(ops.flip(real, axis=1), axis=1), axis=1)
    tokens["real"] = ops.logical_and(tokens["real"], from_the_end > counts[:, None])
    used = ops.where(tokens["real"], ops.arange(1, real.shape[1] + 1)[None], 0)
    return cache | {"tokens": tokens, "index": ops.cast(ops.max(used), "int32")}
