"""What Llama and later decoders share: weight names, choices, and keys of config.json."""

from __future__ import annotations

from typing import Any

from hornbook.checkpoints.weight_table import transposed
from hornbook.models.tables.bert_rows import last_token_heads

LAYER = "model.layers.{i}"
_PROJECTIONS = {
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output_dense": "self_attn.o_proj",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.intermediate": "mlp.up_proj",
    "feed_forward.output_dense": "mlp.down_proj",
}


def llama_table(*biased: str) -> dict[str, Any]:
    """Returns Hugging Face's names.

    Args:
        biased: Prefixes of our paths in a block that may have a bias, such as `attention.query`.
    """
    projections = {
        f"blocks.{{i}}.{ours}.{part}": row
        for ours, theirs in _PROJECTIONS.items()
        for part, row in (
            ("kernel", transposed(f"{LAYER}.{theirs}.weight")),
            ("bias", f"{LAYER}.{theirs}.bias"),
        )
        if part == "kernel" or ours.startswith(biased)
    }
    return {
        "token_embedding.embeddings": "model.embed_tokens.weight",
        **projections,
        "blocks.{i}.attention_norm.gamma": f"{LAYER}.input_layernorm.weight",
        "blocks.{i}.feed_forward_norm.gamma": f"{LAYER}.post_attention_layernorm.weight",
        "final_norm.gamma": "model.norm.weight",
        "mlm.kernel": transposed("lm_head.weight"),
    }


PREFIX = {"huggingface": "model."}

# heads of fine-tuned checkpoints
TASK_HEADS = {"huggingface": last_token_heads("score")}

LLAMA_CHOICES: dict[str, Any] = {
    "application": "causal_lm",
    "classifier_pooling": "last",
    "attention_probs_dropout_prob": 0.0,
    "block": "pre",
    "embedding_norm": False,
    "gated_feed_forward": True,
    "hidden_act": "silu",
    "hidden_dropout_prob": 0.0,
    "language_head": "untied",
    "layer_norm_eps": 1e-6,
    "norm_kind": "rms",
    "norm_offset": False,
    "pad_token_id": None,
    "position_kind": "rotary",
    "rotary_pairs": "halves",
    "type_vocab_size": 0,
    "use_bias": False,
}
LLAMA_KEYS = frozenset(
    {"attention_head_size", "language_head", "num_key_value_heads", "rope_scaling", "rope_theta"}
)
LLAMA_RENAME = {
    "attention_dropout": "attention_probs_dropout_prob",
    "head_dim": "attention_head_size",
    "rms_norm_eps": "layer_norm_eps",
}
LLAMA_REQUIRED: dict[str, tuple[Any, ...]] = {
    "rope_interleaved": (False,),
    "use_mrope": (False,),
}
LLAMA_HARMLESS = frozenset(
    {
        "is_llama_config",
        "max_sequence_length",
        "max_window_layers",  # `layer_types` has the same information and is used
        "pretraining_tp",  # number of parts of the same products in training
        "transformers.js_config",
        "unsloth_fixed",
    }
)


def read_llama(values: dict[str, Any]) -> dict[str, Any]:
    """Converts the keys of transformers 4 and 5 for rotary positions, and for a tied head."""
    rope = values.pop("rope_parameters", None)
    rope = values.pop("rope_scaling", None) or rope or {}
    if isinstance(rope, dict):
        rope = dict(rope)
        values["rope_theta"] = rope.pop("rope_theta", values.get("rope_theta", 10000.0))
        kind = rope.get("rope_type", rope.get("type", "default"))
        if kind in ("llama3", "yarn"):
            rope.setdefault(
                "original_max_position_embeddings", values.get("max_position_embeddings")
            )
        if kind == "default":
            rope = {
                name: value for name, value in rope.items() if name not in ("rope_type", "type")
            }
    values["rope_scaling"] = rope or None
    tied = values.pop("tie_word_embeddings", False)
    values["language_head"] = "tied" if tied else "untied"
    return values


def write_llama(values: dict[str, Any]) -> dict[str, Any]:
    """The inverse; writes the keys of transformers 4, which most tools read, and those of 5."""
    scaling = values["rope_scaling"] or {"rope_type": "default"}
    values["rope_parameters"] = {**scaling, "rope_theta": values["rope_theta"]}
    values["tie_word_embeddings"] = values.pop("language_head") == "tied"
    return values


def read_window(values: dict[str, Any]) -> dict[str, Any]:
    """Converts the size of the window, which includes the token itself, to a maximum distance."""
    window = values.pop("sliding_window", None)
    values["attention_window"] = window - 1 if isinstance(window, int) else window
    return values


def write_window(values: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `read_window`."""
    distance = values.pop("attention_window")
    values["sliding_window"] = None if distance is None else distance + 1
    return values


def read_layer_types(values: dict[str, Any]) -> dict[str, Any]:
    """Converts Qwen's keys for sliding layers: three can disable them, two can list them."""
    if not values.pop("use_sliding_window", False):
        values["sliding_window"] = None
    values = read_window(values)
    layers, full = values.get("num_hidden_layers"), values.get("max_window_layers", 28)
    if values["attention_window"] is None:
        values.pop("layer_types", None)
    elif values.get("layer_types") is None and isinstance(layers, int) and isinstance(full, int):
        values["layer_types"] = [
            "full_attention" if index < full else "sliding_attention" for index in range(layers)
        ]
    return values


def write_layer_types(values: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `read_layer_types`."""
    values["use_sliding_window"] = values["attention_window"] is not None
    if values["use_sliding_window"] and values["layer_types"] is None:
        values["layer_types"] = ["sliding_attention"] * values["num_hidden_layers"]
    return write_window(values)
