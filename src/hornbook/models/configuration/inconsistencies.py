"""Validates a configuration, and describes its problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hornbook.models.configuration.choices import (
    APPLICATIONS,
    CHOICES,
    HEADS,
    LAYER_TYPES,
    SINGLE_STACK,
    TASK_HEADS,
)


def problems_of(config: Any) -> list[str]:
    """Returns one line per problem of a `TransformerConfig`; none if it can be built."""
    problems = [*_wrong_values(config)]
    return problems or [*_contradictions(config)]


def _wrong_values(config: Any) -> Iterator[str]:
    for name in _POSITIVE:
        value = getattr(config, name)
        if not _is_whole(value) or value < 1:
            yield f"  {name} is {value!r}, expected a whole number of at least 1"
    for name in _POSITIVE_OR_NONE:
        value = getattr(config, name)
        if value is not None and (not _is_whole(value) or value < 1):
            yield f"  {name} is {value!r}, expected at least 1"
    for name in _RATES:
        value = getattr(config, name)
        if not _is_number(value) or not 0 <= value < 1:
            yield f"  {name} is {value!r}, expected a number from 0 to below 1"
    for name, limit in _AT_MOST.items():
        value = getattr(config, name)
        if _is_whole(value) and value > limit:
            yield f"  {name} is {value:,}, expected {limit:,} or less"
    if not _is_whole(config.type_vocab_size) or config.type_vocab_size < 0:
        yield f"  type_vocab_size is {config.type_vocab_size!r}, expected 0 or more"
    if not _is_number(config.layer_norm_eps) or not 0 <= config.layer_norm_eps < 1:
        yield f"  layer_norm_eps is {config.layer_norm_eps!r}, expected 1e-12 or so"
    for name in ("rope_theta", "local_rope_theta"):
        value = getattr(config, name)
        if value is not None and (not _is_number(value) or value <= 1):
            yield f"  {name} is {value!r}, expected 10000.0 or so"
    alpha = config.hierarchical_positions
    if alpha is not None and (not _is_number(alpha) or not 0 < alpha < 1):
        yield f"  hierarchical_positions is {alpha!r}, expected a number between 0 and 1, or None"
    if config.rope_scaling is not None and not isinstance(config.rope_scaling, Mapping):
        yield f"  rope_scaling is {config.rope_scaling!r}, expected an object or null"
    for name in ("tiled_positions", "tie_word_embeddings"):
        if not isinstance(getattr(config, name), bool):
            yield f"  {name} is {getattr(config, name)!r}, expected True or False"
    for name, allowed in CHOICES.items():
        if not any(_same(getattr(config, name), value) for value in allowed):
            expected = " or ".join(repr(value) for value in allowed)
            yield f"  {name} is {getattr(config, name)!r}, expected {expected}"
    if config.application not in APPLICATIONS:
        yield f"  application is {config.application!r}, expected {' or '.join(APPLICATIONS)}"
    known = (*HEADS, *TASK_HEADS)
    if not isinstance(config.heads, tuple) or not all(head in known for head in config.heads):
        yield f"  heads is {config.heads!r}, expected any of {', '.join(known)}"
    kinds = config.layer_types
    if kinds is not None and not (
        isinstance(kinds, tuple) and all(kind in LAYER_TYPES for kind in kinds)
    ):
        yield f"  layer_types is {kinds!r}, expected a list of {' or '.join(LAYER_TYPES)}"


def _contradictions(config: Any) -> Iterator[str]:
    """Yields values that are valid by themselves and contradict each other."""
    heads = config.num_attention_heads
    if config.attention_head_size is None and config.hidden_size % heads:
        yield f"  hidden_size {config.hidden_size} cannot be shared by {heads} attention heads"
    elif config.position_kind == "rotary" and config.head_size % 2:
        yield "  rotary positions need an even number of features in a head"
    keys = config.num_key_value_heads
    if keys is not None and heads % keys:
        yield f"  {heads} attention heads cannot share num_key_value_heads {keys} evenly"
    groups, layers = config.num_hidden_groups, config.num_hidden_layers
    if groups is not None and groups > layers:
        yield f"  num_hidden_groups is {groups}, but there are only {layers} layers"
    if config.layer_types is not None and len(config.layer_types) < layers:
        yield f"  layer_types names {len(config.layer_types)} layers, but there are {layers}"
    if "sliding_attention" in (config.layer_types or ()) and config.attention_window is None:
        yield "  layer_types has sliding attention, but there is no attention_window"
    if config.language_head != "transform" and config.embedding_size is not None:
        yield (
            f"  embedding_size is {config.embedding_size}, but the {config.family} head needs "
            f"hidden_size, {config.hidden_size}"
        )
    pad, positions = config.pad_token_id, config.max_position_embeddings
    if config.first_position == "after_pad" and (
        not isinstance(pad, int) or not 0 <= pad < positions - 1
    ):
        yield f"  pad_token_id is {pad!r}, but the positions start after it"
    if config.hierarchical_positions is not None and config.position_kind != "learned":
        yield (
            "  hierarchical_positions is for learned positions; these are "
            f"{config.position_kind}" + _INSTEAD.get(config.position_kind, "")
        )
    if config.tiled_positions and config.position_kind != "learned":
        yield (
            f"  tiled_positions is for learned positions; these are {config.position_kind}"
            + _INSTEAD.get(config.position_kind, "")
        )
    if config.tiled_positions and config.hierarchical_positions is not None:
        yield "  use either hierarchical_positions or tiled_positions, not both"
    if config.attention != "full":
        yield from _attention_problems(config)
    if config.rope_scaling is not None and config.position_kind != "rotary":
        yield f"  rope_scaling is for rotary positions; these are {config.position_kind}"
    if config.block == "gau" and config.gated_feed_forward:
        yield "  gated attention units have no feed-forward network to be gated"
    if config.encoder_decoder and config.share_segment_embedding:
        yield f"  {config.family} has no segments to share an embedding with the tokens"
    if config.encoder_decoder != (config.application == "seq2seq") and not (
        config.encoder_decoder and config.application == "encoder"
    ):
        can = "seq2seq or encoder" if config.encoder_decoder else " or ".join(SINGLE_STACK)
        yield f"  application is {config.application!r}; {config.family} can be {can}"
    if config.encoder_decoder:
        for head in config.heads:
            if head != "mlm" or config.application != "seq2seq":
                yield f"  {config.family} as {config.application} has no head {head}"
    if config.block in ("gau", "grover") and config.cross_attention:
        yield f"  {config.block} blocks have no cross-attention"
    if config.block != "pre" and not config.first_attention_norm:
        yield f"  first_attention_norm is False, but {config.block} blocks all need this norm"
    if config.block == "gau" and config.position_kind == "relative":
        yield "  gated attention units have no vectors for relative positions"


def _attention_problems(config: Any) -> Iterator[str]:
    """Yields the settings that a kind of attention other than full does not support."""
    from hornbook.layers.attention.kinds import cannot, normalizations

    kind, causal = config.attention, config.application == "causal_lm"
    if causal and (refusal := cannot(kind, "causal")):
        yield f"  {refusal}"
    if causal and kind == "linear" and config.feature_map == "softmax":
        yield "  feature_map 'softmax' is over all keys and not causal; the others are"
    if config.position_kind in ("relative", "buckets") and (refusal := cannot(kind, "relative")):
        yield f"  {refusal} ({config.family} has such positions)"
    if config.application == "prefix_lm":
        yield f"  attention {kind!r} cannot be bidirectional in a prefix only; full can"
    if config.residual_attention_scores:
        yield f"  attention {kind!r} has no scores for residual_attention_scores; full has"
    supported = normalizations(causal)
    if config.attention_normalization not in supported:
        yield (
            f"  attention {kind!r} cannot compute attention_normalization "
            f"{config.attention_normalization!r}; full can, or use {' or '.join(supported)}"
        )


_POSITIVE = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "max_relative_position",
    "relative_attention_num_buckets",
    "relative_attention_max_distance",
    "num_landmarks",
    "random_features",
    "window",
    "num_labels",
)
_POSITIVE_OR_NONE = (
    "embedding_size",
    "initializer_order",
    "attention_head_size",
    "num_key_value_heads",
    "num_hidden_groups",
    "attention_window",
    "num_decoder_layers",
    "decoder_num_attention_heads",
    "decoder_intermediate_size",
    "condition_size",
    "condition_hidden_size",
    "value_convolution",
)
# No model is larger; larger values are mistakes, which would fill the memory.
MAX_LAYERS = 1024
_AT_MOST = {
    "num_hidden_layers": MAX_LAYERS,
    "num_decoder_layers": MAX_LAYERS,
    "num_hidden_groups": MAX_LAYERS,
    "vocab_size": 2**31 - 1,
    "type_vocab_size": 2**31 - 1,
    "max_position_embeddings": 2**31 - 1,
    "hidden_size": 2**20,
    "embedding_size": 2**20,
    "num_attention_heads": 2**16,
    "attention_head_size": 2**16,
    "intermediate_size": 2**24,
    "decoder_intermediate_size": 2**24,
    "max_relative_position": 2**14,
    "relative_attention_num_buckets": 2**16,
    "condition_size": 2**20,
    "condition_hidden_size": 2**20,
    "num_labels": 2**20,
    "random_features": 2**16,
    "value_convolution": 2**12,
}
_RATES = ("hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range")
_INSTEAD = {
    "rotary": ".  Use rope_scaling={'rope_type': 'ntk', 'factor': 8.0}",
    "relative": " and have no maximum",
    "buckets": " and have no maximum",
}


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or isinstance(value, float)


def _same(first: Any, second: Any) -> bool:
    return (
        type(first) is type(second) and first == second
    )  # 1 == True, but 1 is not an allowed value
