"""Layers, one idea a file."""

from hornbook.layers.attention import MultiHeadAttention
from hornbook.layers.feed_forward import FeedForward
from hornbook.layers.gated_attention_unit import GatedAttentionUnit
from hornbook.layers.normalization import ConditionalLayerNormalization
from hornbook.layers.pooling import MaskedAveragePooling
from hornbook.layers.relative_position_buckets import RelativePositionBuckets
from hornbook.layers.relative_positions import RelativePositions
from hornbook.layers.rotary import RotaryPositions

__all__ = [
    "ConditionalLayerNormalization",
    "FeedForward",
    "GatedAttentionUnit",
    "MaskedAveragePooling",
    "MultiHeadAttention",
    "RelativePositionBuckets",
    "RelativePositions",
    "RotaryPositions",
]
