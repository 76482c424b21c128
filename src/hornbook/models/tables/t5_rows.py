"""What the T5 families share: choices, keys of config.json, and weight tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hornbook.checkpoints.weight_table import transposed

T5_CHOICES: dict[str, Any] = {
    "encoder_decoder": True,
    "application": "seq2seq",
    "block": "pre",
    "decoder_start_token_id": 0,
    "embedding_norm": False,
    "layer_norm_eps": 1e-6,
    "norm_kind": "rms",
    "norm_offset": False,
    "position_kind": "buckets",
    "scale_attention": False,
    "type_vocab_size": 0,
    "use_bias": False,
}
T5_KEYS = frozenset(
    {
        "attention_head_size",
        "decoder_start_token_id",
        "num_decoder_layers",
        "relative_attention_max_distance",
        "relative_attention_num_buckets",
    }
)
T5_RENAME = {
    "d_ff": "intermediate_size",
    "d_kv": "attention_head_size",
    "d_model": "hidden_size",
    "layer_norm_epsilon": "layer_norm_eps",
    "n_positions": "max_position_embeddings",
    "num_heads": "num_attention_heads",
    "num_layers": "num_hidden_layers",
}
T5_REQUIRED: dict[str, tuple[Any, ...]] = {
    "is_decoder": (False,),
    "is_encoder_decoder": (True, False),  # False: an encoder alone
}
T5_HARMLESS = frozenset({"initializer_factor", "output_past", "task_specific_params"})
T5_IGNORE = {
    "google": (r"_slot_[a-z]+$",),  # the state of Adafactor
    # a table that is not used since transformers 4
    "huggingface": (r"^decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias",),
}
# Hugging Face's name after "gated-" -> ours: its "gated-gelu" is the tanh approximation
_GATED_ACTIVATIONS = {"gelu": "gelu_new", "gelu_python": "gelu"}


def read_t5(values: dict[str, Any]) -> dict[str, Any]:
    """Converts Hugging Face's keys, and those that users write for Google's files."""
    for derived in ("dense_act_fn", "is_gated_act"):
        values.pop(derived, None)
    if "feed_forward_proj" in values:
        gate, _, name = str(values.pop("feed_forward_proj")).rpartition("-")
        values["gated_feed_forward"] = gate == "gated"
        values["hidden_act"] = _GATED_ACTIVATIONS.get(name, name) if gate else name
    if "dropout_rate" in values:
        values["hidden_dropout_prob"] = values.pop("dropout_rate")
        values.setdefault("attention_probs_dropout_prob", values["hidden_dropout_prob"])
    if "tie_word_embeddings" in values:  # in files older than scale_decoder_outputs
        values.setdefault("scale_decoder_outputs", values.pop("tie_word_embeddings"))
    if values.get("is_encoder_decoder") is False:
        values.setdefault("hornbook", {"application": "encoder"})
    return values


def read_gated_t5(values: dict[str, Any], gelu: str = "gelu_new") -> dict[str, Any]:
    """The same with lists of two activations, which mean a gate: `["gelu", "linear"]`.

    Args:
        values: The contents of the config.json.
        gelu: The activation that "gelu" means in such a list.
    """
    activations = values.get("hidden_act")
    if isinstance(activations, list) and activations[1:] == ["linear"]:
        values["hidden_act"] = gelu if activations[0] == "gelu" else activations[0]
    return read_t5(values)


def write_t5(values: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `read_t5`."""
    values.pop("gated_feed_forward", None)
    values["feed_forward_proj"] = values.pop("hidden_act")
    values["dropout_rate"] = values.pop("hidden_dropout_prob")
    if values["attention_probs_dropout_prob"] == values["dropout_rate"]:
        del values["attention_probs_dropout_prob"]
    return values


def write_gated_t5(values: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `read_gated_t5`."""
    theirs = {ours: name for name, ours in _GATED_ACTIVATIONS.items()}
    values = write_t5(values)
    name = values["feed_forward_proj"]
    # before transformers 5, this key also decides that nothing is scaled
    return values | {
        "feed_forward_proj": f"gated-{theirs.get(name, name)}",
        "tie_word_embeddings": False,
    }


# The layers of a block in order: our name -> Google's, which Hugging Face also uses.
_STACKS = {
    "encoder": {"attention": "SelfAttention", "feed_forward": "DenseReluDense"},
    "decoder": {
        "attention": "SelfAttention",
        "cross_attention": "EncDecAttention",
        "feed_forward": "DenseReluDense",
    },
}
_ATTENTION = {"query": "q", "key": "k", "value": "v", "output_dense": "o"}
_PLAIN = {"intermediate": "wi", "output_dense": "wo"}
_GATED = {"gate": "wi_0", "intermediate": "wi_1", "output_dense": "wo"}


def t5_google_table(*, gated: bool, norms: tuple[str, ...]) -> dict[str, Any]:
    """Returns Google's names, those of Mesh TensorFlow.

    Args:
        gated: Whether the feed-forward networks are gated; such models also have an untied head.
        norms: Possible names of a norm; the first one is written.
    """
    table: dict[str, Any] = {"token_embedding.embeddings": "shared/embedding"}
    for ours, theirs, kernels in _layers(gated, "{stack}/block_{{i:03d}}/layer_{number:03d}/"):
        block, name = theirs.rsplit("/", 1)
        table[f"{ours}_norm.gamma"] = tuple(f"{block}/{norm}/scale" for norm in norms)
        ending = "/kernel" if name == "DenseReluDense" else ""
        for part, kernel in kernels.items():
            table[f"{ours}.{part}.kernel"] = f"{theirs}/{kernel}{ending}"
    for stack in _STACKS:
        first = f"{stack}/block_000/layer_000/SelfAttention"
        table[f"{stack}.positions.embeddings"] = transposed(f"{first}/relative_attention_bias")
        table[f"{stack}.final_norm.gamma"] = tuple(
            f"{stack}/{_FINAL_NORMS[norm]}/scale" for norm in norms
        )
    if gated:
        table["mlm.kernel"] = "decoder/logits/kernel"
    return table


_FINAL_NORMS = {"layer_norm": "final_layer_norm", "rms_norm": "rms_norm"}


def t5_huggingface_table(*, gated: bool) -> dict[str, Any]:
    """Returns Hugging Face's names.

    Args:
        gated: See `t5_google_table`.
    """
    # one table with several names, of which files have one or all
    shared = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
    table: dict[str, Any] = {"token_embedding.embeddings": shared}
    for ours, theirs, kernels in _layers(gated, "{stack}.block.{{i}}.layer.{number}."):
        table[f"{ours}_norm.gamma"] = f"{theirs.rsplit('.', 1)[0]}.layer_norm.weight"
        for part, kernel in kernels.items():
            table[f"{ours}.{part}.kernel"] = transposed(f"{theirs}.{kernel}.weight")
    for stack in _STACKS:
        first = f"{stack}.block.0.layer.0.SelfAttention"
        table[f"{stack}.positions.embeddings"] = f"{first}.relative_attention_bias.weight"
        table[f"{stack}.final_norm.gamma"] = f"{stack}.final_layer_norm.weight"
    if gated:
        # transformers 5 ties the heads of new models, and does not save them
        table["mlm.kernel"] = (transposed("lm_head.weight"), transposed("shared.weight"))
    return table


def _layers(gated: bool, block: str) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Yields our path and their name of each kind of layer, and the names of its kernels."""
    for stack, layers in _STACKS.items():
        for number, (ours, theirs) in enumerate(layers.items()):
            kernels = _GATED if gated else _PLAIN
            yield (
                f"{stack}.blocks.{{i}}.{ours}",
                block.format(stack=stack, number=number) + theirs,
                kernels if ours == "feed_forward" else _ATTENTION,
            )
