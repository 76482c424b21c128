"""The names of bert4keras's layers, and of the weights in them.

Keras 2 numbers the weights of a layer; here each has the name of its attribute in bert4keras:
`Transformer-0-MultiHeadSelfAttention/q_dense/kernel`, `Embedding-Norm/beta`.  Layers of the user
keep the names in the file: `dense_49/kernel`.

Reference: https://github.com/bojone/bert4keras, models.py and layers.py of versions 0.2 to 0.11
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# Every layer with weights; versions before 0.6 call the first block Encoder-0.
_LAYER = (
    r"Embedding-(?:Token|Segment|Position|Norm|Mapping|Relative-Position)"
    r"|(?:(?:Encoder-|Decoder-)?Transformer-(?:\d+-)?|Encoder-\d+-)"
    r"(?:MultiHeadSelfAttention|MultiHeadCrossAttention|FeedForward)(?:-Norm(?:-[01])?)?"
    r"|(?:Encoder|Decoder)-(?:Embedding-Mapping|Embedding-Relative-Position)"
    r"|(?:Encoder|Decoder)-Output-(?:Norm|Mapping|LM)"
    r"|Output-(?:Norm|Mapping)|Pooler-Dense|NSP-Proba|MLM-(?:Dense|Norm|Bias|Proba)"
    r"|Discriminator-(?:Dense|Prediction)"
)
# build_transformer_model(prefix=...) goes before every name; TensorFlow 1 numbers repeated ones
_NAME = re.compile(rf"(?P<prefix>.*?)(?P<layer>{_LAYER})(?:_\d+)?")
_OLD_BLOCK = re.compile(r"Encoder-(?=\d)")
# Kind of layer -> the dense layers in it in the order of their creation, by their number.
_DENSES: dict[str, dict[int, tuple[str, ...]]] = {
    "Attention": {4: ("q_dense", "k_dense", "v_dense", "o_dense")},
    "FeedForward": {
        2: ("i0_dense", "o_dense"),
        3: ("i0_dense", "i1_dense", "o_dense"),
    },
    "Norm": {
        1: ("gamma_dense",),
        2: ("beta_dense", "gamma_dense"),
        3: ("hidden_dense", "beta_dense", "gamma_dense"),
    },
    "Norm without beta": {1: ("gamma_dense",), 2: ("hidden_dense", "gamma_dense")},
}


def is_layer_of_bert4keras(name: str) -> bool:
    """Returns whether bert4keras calls one of its layers `name`, with any prefix."""
    return _NAME.fullmatch(name) is not None


def prefixes(layers: Iterable[str]) -> list[str]:
    """Returns the prefixes of bert4keras's layers, sorted: `[""]` for a model without one."""
    matches = (_NAME.fullmatch(layer) for layer in layers)
    return sorted({match["prefix"] for match in matches if match})


def plain_name(layer: str, prefix: str) -> str:
    """Returns the current name of a layer without the prefix; a user's layer keeps its name."""
    match = _NAME.fullmatch(layer)
    if match is None or match["prefix"] != prefix:
        return layer
    return _OLD_BLOCK.sub("Transformer-", match["layer"])


def names_in_layer(layer: str, stored: Sequence[str]) -> list[str]:
    """Returns the names of a layer's weights, without that of the layer.

    Args:
        layer: The name of the layer.
        stored: The names of its weights in a Keras 2 file, in their order:
            `Transformer-0-FeedForward/dense_7/kernel:0`.

    Raises:
        ValueError: bert4keras has no such layer with these weights.
    """
    within = [re.sub(r":\d+$", "", name).removeprefix(f"{layer}/") for name in stored]
    if not is_layer_of_bert4keras(layer):
        return within
    parts = [name.rpartition("/")[2] for name in within]
    kernels = parts.count("kernel")
    kind = re.search(r"(Attention|FeedForward|Norm)(?:-[01])?(?:_\d+)?$", layer)
    if kind is None or not kernels:
        return parts
    denses = _DENSES[kind[1] if "beta" in parts or kind[1] != "Norm" else "Norm without beta"]
    if kernels not in denses or parts.count("bias") not in (0, kernels):
        raise ValueError(f"{layer} has the weights {', '.join(parts)}, unlike that of bert4keras")
    names = []
    for number, part in enumerate(parts):
        if part in ("kernel", "bias"):
            part = f"{denses[kernels][parts[:number].count(part)]}/{part}"
        names.append(part)
    return names
