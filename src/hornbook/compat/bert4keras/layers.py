"""`bert4keras.layers`: the layers of Keras, and hornbook's with bert4keras's arguments.

Arguments that hornbook's layers do not have are refused.  Masked scores of tags and spans are -1e9
where bert4keras has -inf, whose gradients are NaN.
"""

from __future__ import annotations

from hornbook.compat import keras
from hornbook.compat.bert4keras.backend import K, sequence_masking
from hornbook.compat.building import position_layers, tagging_layers, transformer_layers

__all__ = ["K", "keras", "sequence_masking"]
_OWN = (
    (transformer_layers, ("BiasAdd", "Concatenate1D", "Embedding", "FeedForward")),
    (transformer_layers, ("LayerNormalization", "MultiHeadAttention", "ScaleOffset")),
    (position_layers, ("PositionEmbedding", "RelativePositionEmbedding")),
    (position_layers, ("RelativePositionEmbeddingT5", "SinusoidalPositionEmbedding")),
    (tagging_layers, ("ConditionalRandomField", "EfficientGlobalPointer", "GlobalPointer")),
    (tagging_layers, ("Loss", "MaximumEntropyMarkovModel")),
)
LAYERS = {name: value for name, value in vars(keras.layers).items() if not name.startswith("_")}
for _module, _names in _OWN:
    LAYERS |= {name: getattr(_module, name) for name in _names}
globals().update(LAYERS)  # also for `from bert4keras.layers import *`
__all__ += LAYERS
