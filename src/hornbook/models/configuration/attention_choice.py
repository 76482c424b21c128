"""The kind of attention of each block."""

from __future__ import annotations

from typing import Any

from hornbook.layers.attention.kinds import KINDS, make_kind
from hornbook.models.configuration.transformer_config import TransformerConfig


def attention_choice(config: TransformerConfig, *, is_sliding: bool) -> dict[str, Any]:
    """Returns the arguments of `MultiHeadAttention` and `GatedAttentionUnit` for their kind.

    Args:
        config: Configuration of the Transformer.
        is_sliding: Whether the block attends only within `attention_window`.  If the other blocks
            are not full attention, it is a `window` attention of that size.
    """
    if config.attention == "full":
        return {"kind": "full"}
    kind = "window" if is_sliding else config.attention
    options = {name: getattr(config, name) for name in KINDS[kind].options}
    if is_sliding:
        options["window"] = config.attention_window
    causal = config.application == "causal_lm"
    return {"kind": kind, "kind_options": options, "causal": causal}


def empty_states(
    config: TransformerConfig, batch: int, value_size: int, dtype: str
) -> list[dict[str, Any]]:
    """Returns the state of each block before the first token, for kinds other than full.

    Args:
        config: Configuration of the Transformer.
        batch: Number of rows.
        value_size: Features per head of the value.
        dtype: Compute dtype of the model.
    """
    states = []
    for index in range(config.num_hidden_layers):
        choice = attention_choice(config, is_sliding=config.is_sliding(index))
        kind: Any = make_kind(choice["kind"], choice["kind_options"], causal=choice["causal"])
        heads = 1 if config.block == "gau" else config.num_attention_heads
        states.append(kind.empty_state(batch, heads, config.head_size, value_size, dtype))
    return states
