"""Layers, one idea a file."""

from hornbook.layers.attention.gated_unit import GatedAttentionUnit
from hornbook.layers.attention.multi_head import MultiHeadAttention
from hornbook.layers.feed_forward import FeedForward
from hornbook.layers.normalization import ConditionalLayerNormalization
from hornbook.layers.pooling import MaskedAveragePooling
from hornbook.layers.positions.buckets import RelativePositionBuckets
from hornbook.layers.positions.relative import RelativePositions
from hornbook.layers.positions.rotary import RotaryPositions
from hornbook.layers.tagging.crf import CRF

__all__ = [
    "CRF",
    "ConditionalLayerNormalization",
    "FeedForward",
    "GatedAttentionUnit",
    "MaskedAveragePooling",
    "MultiHeadAttention",
    "RelativePositionBuckets",
    "RelativePositions",
    "RotaryPositions",
]
