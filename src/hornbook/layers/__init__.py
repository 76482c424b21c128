"""The layers of Transformers, for use in any Keras model."""

from hornbook.layers.attention.gated_unit import GatedAttentionUnit
from hornbook.layers.attention.multi_head import MultiHeadAttention
from hornbook.layers.feed_forward import FeedForward
from hornbook.layers.normalization import ConditionalLayerNormalization
from hornbook.layers.pooling import MaskedAveragePooling
from hornbook.layers.positions.buckets import RelativePositionBuckets
from hornbook.layers.positions.relative import RelativePositions
from hornbook.layers.positions.rotary import RotaryPositions
from hornbook.layers.tagging.answer_crossentropy import answer_crossentropy
from hornbook.layers.tagging.crf import CRF
from hornbook.layers.tagging.global_pointer import EfficientGlobalPointer, GlobalPointer
from hornbook.layers.tagging.memm import MEMM
from hornbook.layers.tagging.multilabel_crossentropy import (
    multilabel_crossentropy,
    span_crossentropy,
)

__all__ = [
    "CRF",
    "MEMM",
    "ConditionalLayerNormalization",
    "EfficientGlobalPointer",
    "FeedForward",
    "GatedAttentionUnit",
    "GlobalPointer",
    "MaskedAveragePooling",
    "MultiHeadAttention",
    "RelativePositionBuckets",
    "RelativePositions",
    "RotaryPositions",
    "answer_crossentropy",
    "multilabel_crossentropy",
    "span_crossentropy",
]
