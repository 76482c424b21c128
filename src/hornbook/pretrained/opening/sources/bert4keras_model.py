"""What weights of bert4keras say about their model.

The configuration beside them is that of the checkpoint the training began with.  The model may
have fewer tokens, conditional norms or another application, and its family was an argument of
`build_transformer_model`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from hornbook.checkpoints import Checkpoint
from hornbook.checkpoints.bert4keras.keras2_file import Keras2File
from hornbook.checkpoints.bert4keras.layer_names import is_layer_of_bert4keras, prefixes
from hornbook.checkpoints.bert4keras.object_graph import ObjectGraphCheckpoint
from hornbook.errors import CheckpointError
from hornbook.progress import note

Weights = Keras2File | ObjectGraphCheckpoint

LAYOUT = "bert4keras"
_TOKENS = "Embedding-Token/embeddings"
_SEGMENTS = "Embedding-Segment/embeddings"
_DISTANCES = "Embedding-Relative-Position/embeddings"
# layers that only one family has -> that family, the first one first
_FAMILIES = {
    "Transformer-MultiHeadSelfAttention": "albert",
    "Transformer-0-FeedForward-Norm-0": "gpt2-ml",
    "Embedding-Relative-Position": "nezha",
    "Output-Norm": "gpt2",
    "Discriminator-Dense": "electra",
}
# layers that compute an attention mask -> the application
_MASKS = {"Attention-LM-Mask": "causal_lm", "Attention-UniLM-Mask": "prefix_lm"}


def heads_of_user(checkpoint: Checkpoint) -> list[str]:
    """Returns the names of the weights in layers that bert4keras's models do not have."""
    return [
        name for name in checkpoint.names() if not is_layer_of_bert4keras(name.partition("/")[0])
    ]


def with_facts_of_weights(
    values: Mapping[str, Any],
    checkpoint: Weights,
    *,
    family: str | None = None,
    changes: Collection[str] = (),
) -> dict[str, Any]:
    """Returns the contents of a configuration file, changed where the weights say otherwise.

    Args:
        values: The contents of the file.
        checkpoint: The weights, in bert4keras's layout.
        family: The family that the user names; the weights tell it otherwise.
        changes: Fields of the configuration that the user gives.

    Raises:
        CheckpointError: these are the weights of something else, or do not say all that is needed.
    """
    shapes = {name: checkpoint.shape(name) for name in checkpoint.names()}
    file = checkpoint.files[0]
    _check_model(checkpoint, shapes)
    layers = [*checkpoint.layers, *checkpoint.architecture]
    knows_all = any(layer.endswith("-Add") for layer in layers)  # also those without weights
    own = dict(values["hornbook"]) if isinstance(values.get("hornbook"), dict) else {}
    if family is None and "family" not in own and "model_type" not in values:
        own["family"] = _family_of(shapes)
    facts: dict[str, Any] = {"vocab_size": shapes[_TOKENS][0]}
    if (declared := values.get("vocab_size", facts["vocab_size"])) != facts["vocab_size"]:
        note(
            f"{file.name} has {facts['vocab_size']} tokens, and its configuration {declared}: "
            "the model was built with keep_tokens, and needs its shortened vocabulary."
        )
    if _SEGMENTS in shapes:
        facts["type_vocab_size"] = shapes[_SEGMENTS][0]
    elif any(layer.endswith("Embedding-Token-Segment") for layer in layers):
        own["share_segment_embedding"] = True
    else:
        facts["type_vocab_size"] = 0
        if not knows_all and values.get("type_vocab_size"):
            note(
                f"{file.name} has no segment embedding.  If segments have the vectors of tokens, "
                "as in CDial-GPT, load it with share_segment_embedding=True, type_vocab_size=2."
            )
    if own.get("family") == "gpt":
        facts["layer_norm_eps"] = values.get("layer_norm_eps", 1e-12)  # not OpenAI's
    own |= _condition(shapes, checkpoint, changes)
    if _is_t5(shapes):
        own["application"] = "encoder"
    elif "application" not in changes:
        own |= _application(layers, shapes, file.name, knows_all)
    return {**values, **facts, "hornbook": own}


def _family_of(names: Iterable[str]) -> str:
    """Returns the family with these weights; some that compute the same share a name."""
    layers = {name.partition("/")[0] for name in names}
    for layer, family in _FAMILIES.items():
        if layer in layers:
            return family
    if _is_t5(layers):  # of the gated ones, that with bert4keras's gelu
        gate = "Encoder-Transformer-0-FeedForward/i1_dense/kernel"
        return "t5-pegasus" if gate in set(names) else "t5"
    if "Embedding-Position" not in layers:
        return "roformer" if "Embedding-Norm" in layers else "roformer-v2"
    if "Embedding-Norm" not in layers:
        return "gpt"
    return "albert-unshared" if "Embedding-Mapping" in layers else "bert"


def _is_t5(names: Iterable[str]) -> bool:
    return any(name.startswith(("Encoder-", "Decoder-")) for name in names)


def _condition(
    shapes: Mapping[str, tuple[int, ...]], checkpoint: Weights, changes: Collection[str]
) -> dict[str, Any]:
    """Returns the sizes of the condition of the norms; empty without one."""
    norms = [name for name in shapes if re.fullmatch(r".*-Norm/gamma_dense/kernel", name)]
    if not norms:
        return {}
    size = shapes[norms[0]][0]
    layer = norms[0].partition("/")[0]
    hidden = shapes.get(f"{layer}/hidden_dense/kernel")
    if hidden is None:
        return {"condition_size": size}
    options = {"condition_size": hidden[0], "condition_hidden_size": size}
    activation = _activation(checkpoint.architecture, layer, "hidden_activation")
    if activation is not None:
        return {**options, "condition_hidden_act": activation}
    if "condition_hidden_act" not in changes:
        raise CheckpointError(
            f"The norms in {checkpoint.files[0]} have a condition with a hidden layer, whose "
            "activation is not in the file.\nName it with condition_hidden_act=...: the value of "
            "layer_norm_cond_hidden_act, 'linear' if there was none."
        )
    return options


def _application(
    layers: Iterable[str], names: Iterable[str], file: str, knows_all: bool
) -> dict[str, Any]:
    """Returns the application, as far as the names of layers without weights are in the file."""
    masks = {mask for mask in layers if re.search(r"Attention-\w*-?Mask$", mask)}
    for name, application in _MASKS.items():
        if any(mask.endswith(name) for mask in masks):
            return {"application": application}
    if masks:
        raise CheckpointError(
            f"The model in {file} has the attention mask {min(masks)!r}, of a language model or "
            "of prefix and text.\nName it with application='causal_lm' or 'prefix_lm'."
        )
    if not knows_all and "MLM-Dense/kernel" in names:
        note(
            f"{file} does not say whether its model was a language model: application='causal_lm' "
            "or 'prefix_lm' (UniLM) opens it as one."
        )
    return {}


def _activation(architecture: Mapping[str, Any], layer: str, key: str) -> str | None:
    """Returns the name of an activation in the architecture of a model; None if it has none."""
    config = architecture.get(layer, {}).get("config", {})
    value = config.get(key)
    if isinstance(value, dict):  # as newer versions write functions
        value = value.get("config")
    return value if isinstance(value, str) else None


def _check_model(checkpoint: Weights, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Makes sure that hornbook computes what bert4keras computes with these weights."""
    file = checkpoint.files[0]
    if len(shapes.get(_TOKENS, ())) != 2:
        raise CheckpointError(_not_a_model(checkpoint))
    if any(name.startswith("Decoder-") for name in shapes):
        raise CheckpointError(
            f"{file} has a T5 with a decoder.  In bert4keras it adds positions to its "
            "cross-attention and scales its logits, which T5 does not, so hornbook would generate "
            "other texts.\nhornbook.checkpoints.find_checkpoint(path) reads its arrays."
        )
    if _DISTANCES in shapes and not _has_sines(checkpoint.read(_DISTANCES)):
        raise CheckpointError(
            f"{_DISTANCES} in {file} is not the table of sines of NEZHA, which hornbook computes."
        )


def _has_sines(table: np.ndarray) -> bool:
    from hornbook.layers.positions.relative import sinusoidal_table

    if table.ndim != 2 or table.shape[1] % 2:
        return False
    return np.allclose(table, sinusoidal_table(*table.shape), atol=1e-2)


def _not_a_model(checkpoint: Weights) -> str:
    layers = list(dict.fromkeys(name.partition("/")[0] for name in checkpoint.names()))
    names = ", ".join(layers[:8]) + (f" and {len(layers) - 8} more" if len(layers) > 8 else "")
    file = checkpoint.files[0]
    if len(beginnings := prefixes(layers)) > 1:
        return (
            f"{file} holds several models, whose layers begin with "
            f"{', '.join(map(repr, beginnings))}.\nSave one of them alone, or read its arrays with "
            "hornbook.checkpoints.find_checkpoint."
        )
    return (
        f"{file} holds weights that Keras 2 saved, and not those of a model of bert4keras: there "
        f"is no {_TOKENS}.\nIts layers: {names or 'none'}."
    )
