"""ModernBERT: an encoder with the ideas of recent decoders, and mostly sliding attention."""

from typing import Any

from hornbook.checkpoints.weight_table import transposed
from hornbook.models.configuration.choices import TASK_HEADS
from hornbook.models.family import Family
from hornbook.models.tables.bert_rows import huggingface_denses

LAYER = "model.layers.{i}"
# kind of layer -> the key of its theta outside of `rope_parameters`
THETAS = {"full_attention": "global_rope_theta", "sliding_attention": "local_rope_theta"}


def read(values: dict[str, Any]) -> dict[str, Any]:
    """Converts keys of transformers 5 to those of 4, and the window to its maximum distance."""
    rope = values.pop("rope_parameters", None) or {}
    for kind, key in THETAS.items():
        parameters = rope.get(kind) or {}
        if parameters.get("rope_theta") is not None:
            values[key] = parameters["rope_theta"]
        if parameters.get("rope_type", "default") != "default":
            values["rope_type"] = parameters["rope_type"]
    width = values.pop("local_attention", 128)
    values["attention_window"] = width // 2 if isinstance(width, int) else width
    layers, every = values.get("num_hidden_layers"), values.get("global_attn_every_n_layers", 3)
    if values.get("layer_types") is None and isinstance(layers, int) and isinstance(every, int):
        values["layer_types"] = [
            "sliding_attention" if index % every else "full_attention" for index in range(layers)
        ]
    return values


def write(values: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `read`, with the keys of both versions."""
    values["rope_parameters"] = {
        kind: {"rope_type": "default", "rope_theta": values[key]} for kind, key in THETAS.items()
    }
    window, layers = values.pop("attention_window"), values["num_hidden_layers"]
    if window is None:
        return values | {"layer_types": ["full_attention"] * layers}
    types = values["layer_types"] or ["sliding_attention"] * layers
    return values | {"layer_types": types, "local_attention": 2 * window}


MODERNBERT = Family(
    name="modernbert",
    paper="https://arxiv.org/abs/2412.13663",
    sizes=("base 22x768", "large 28x1024"),
    model_type="modernbert",
    choices={
        "attention_probs_dropout_prob": 0.0,
        "attention_window": 64,
        "block": "pre",
        "first_attention_norm": False,
        "gated_feed_forward": True,
        "hidden_dropout_prob": 0.0,
        "language_head_act": "gelu",
        "classifier_pooling": "cls",
        "classifier_transform": "head",
        "layer_norm_eps": 1e-5,
        "local_rope_theta": 10000.0,
        "max_position_embeddings": 8192,
        "norm_offset": False,
        "pad_token_id": None,
        "position_kind": "rotary",
        "rope_theta": 160000.0,
        "rotary_pairs": "halves",
        "type_vocab_size": 0,
        "use_bias": False,
    },
    config_keys=frozenset(
        {
            "attention_window",
            "classifier_pooling",
            "language_head_act",
            "layer_types",
            "local_rope_theta",
            "rope_theta",
            "tie_word_embeddings",
        }
    ),
    rename={
        "attention_dropout": "attention_probs_dropout_prob",
        "classifier_activation": "language_head_act",
        "global_rope_theta": "rope_theta",
        "hidden_activation": "hidden_act",
        "norm_eps": "layer_norm_eps",
    },
    translate=read,
    translate_back=write,
    required={
        "attention_bias": (False,),
        "classifier_bias": (False,),
        "decoder_bias": (True,),
        "mlp_bias": (False,),
        "norm_bias": (False,),
        "rope_type": ("default",),
    },
    harmless=frozenset(
        {
            "deterministic_flash_attn",
            "embedding_dropout",
            "global_attn_every_n_layers",  # `layer_types` has the same information
            "initializer_cutoff_factor",
            "layer_norm_eps",  # published files also have `norm_eps`, which is used
            "mlp_dropout",
            "position_embedding_type",
            "reference_compile",
            "repad_logits_with_grad",
            "sparse_pred_ignore_index",
            "sparse_prediction",
        }
    ),
    weights={
        "huggingface": {
            "token_embedding.embeddings": "model.embeddings.tok_embeddings.weight",
            "embedding_norm.gamma": "model.embeddings.norm.weight",
            "blocks.{i}.attention_norm.gamma": f"{LAYER}.attn_norm.weight",
            # concatenated in one matrix
            "blocks.{i}.attention.{query,key,value}.kernel": transposed(
                f"{LAYER}.attn.Wqkv.weight"
            ),
            "blocks.{i}.attention.output_dense.kernel": transposed(f"{LAYER}.attn.Wo.weight"),
            "blocks.{i}.feed_forward_norm.gamma": f"{LAYER}.mlp_norm.weight",
            "blocks.{i}.feed_forward.{gate,intermediate}.kernel": transposed(
                f"{LAYER}.mlp.Wi.weight"
            ),
            "blocks.{i}.feed_forward.output_dense.kernel": transposed(f"{LAYER}.mlp.Wo.weight"),
            "final_norm.gamma": "model.final_norm.weight",
            "mlm.dense.kernel": transposed("head.dense.weight"),
            "mlm.norm.gamma": "head.norm.weight",
            "mlm.bias": "decoder.bias",
        }
    },
    head_table={"huggingface": "decoder.weight"},
    # all of them start with the dense layer and the norm of the language head
    task_heads={
        "huggingface": {
            head: {
                f"{head}.dense.kernel": transposed("head.dense.weight"),
                f"{head}.norm.gamma": "head.norm.weight",
                **huggingface_denses({f"{head}.output_dense": "classifier"}),
            }
            for head in TASK_HEADS
        }
    },
    optional_prefix={"huggingface": "model."},
)
