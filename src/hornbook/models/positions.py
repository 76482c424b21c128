"""The layer for positions in attention, for families without a position embedding."""

from __future__ import annotations

from typing import Any

from hornbook.layers import RelativePositionBuckets, RelativePositions, RotaryPositions
from hornbook.layers.tensors import Policy
from hornbook.models.blocks import normal
from hornbook.models.configuration.transformer_config import TransformerConfig


def make_positions(config: TransformerConfig, policy: Policy, *, local: bool = False) -> Any:
    """Creates the layer of `config.position_kind`; returns None for learned positions.

    Args:
        config: Configuration of the Transformer.
        policy: Keras's data type policy.
        local: Whether to create the layer of sliding attention, None if it has no other.
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
