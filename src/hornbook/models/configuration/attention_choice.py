"""Which kind of attention a block has, as its configuration wants it."""

from __future__ import annotations

from typing import Any

from hornbook.layers.attention.kinds import KINDS, make_kind
from hornbook.models.configuration.transformer_config import TransformerConfig


def attention_choice(config: TransformerConfig, *, is_sliding: bool) -> dict[str, Any]:
    """What `MultiHeadAttention` and `GatedAttentionUnit` are made with.

    Args:
        config: Of the Transformer.
        is_sliding: Whether it is of a block that sees no farther than `attention_window`; beside
            others that are not full, it computes the same in blocks.
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
    """What each block keeps of the tokens it has seen, for none; of kinds other than full.

    Args:
        config: Of the Transformer.
        batch: Rows.
        value_size: Features of a head's value.
        dtype: What the model computes in.
    """
    states = []
    for number in range(config.num_hidden_layers):
        choice = attention_choice(config, is_sliding=config.is_sliding(number))
        kind: Any = make_kind(choice["kind"], choice["kind_options"], causal=choice["causal"])
        heads = 1 if config.block == "gau" else config.num_attention_heads
        states.append(kind.empty_state(batch, heads, config.head_size, value_size, dtype))
    return states
