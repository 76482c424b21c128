"""Layers, one idea a file."""

from hornbook.layers.attention import MultiHeadAttention
from hornbook.layers.feed_forward import FeedForward
from hornbook.layers.normalization import ConditionalLayerNormalization
from hornbook.layers.pooling import MaskedAveragePooling

__all__ = [
    "ConditionalLayerNormalization",
    "FeedForward",
    "MaskedAveragePooling",
    "MultiHeadAttention",
]
