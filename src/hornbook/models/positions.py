"""The layer through which attention learns where the tokens are, when vectors are not added."""

from __future__ import annotations

from typing import Any

from hornbook.layers import RelativePositionBuckets, RelativePositions, RotaryPositions
from hornbook.layers.tensors import Policy
from hornbook.models.blocks import normal
from hornbook.models.configuration.transformer_config import TransformerConfig


def make_positions(config: TransformerConfig, policy: Policy, *, local: bool = False) -> Any:
    """The layer of `config.position_kind`; None when vectors are added to the tokens'.

    Args:
        config: Of the Transformer.
        policy: Keras's data type policy.
        local: The layer of sliding attention, None where that has no other.
    """
    if local:
        if config.local_rope_theta is None:
            return None
        return RotaryPositions(
            head_size=config.head_size, base=config.local_rope_theta, dtype=policy
        )
    if config.position_kind == "rotary":
        return RotaryPositions(
            head_size=config.head_size,
            base=config.rope_theta,
            scaling=config.rope_scaling,
            dtype=policy,
        )
    if config.position_kind == "relative":
        return RelativePositions(
            head_size=config.head_size, max_distance=config.max_relative_position, dtype=policy
        )
    if config.position_kind == "buckets":
        return RelativePositionBuckets(
            num_heads=1 if config.block == "gau" else config.num_attention_heads,
            num_buckets=config.relative_attention_num_buckets,
            max_distance=config.relative_attention_max_distance,
            bidirectional=config.application != "causal_lm",
            embeddings_initializer=normal(config, table=True),
            dtype=policy,
        )
    return None
