"""ALBERT: one block repeated in every layer, and embeddings narrower than the blocks."""

from dataclasses import replace
from typing import Any

from hornbook.checkpoints.weight_table import transposed
from hornbook.models.family import Family
from hornbook.models.tables.bert4keras_rows import bert4keras_table
from hornbook.models.tables.bert_rows import (
    ENCODER_REQUIRED,
    GOOGLE_TASK_HEADS,
    google_denses,
    google_norm,
    google_table,
    huggingface_denses,
    huggingface_norm,
    huggingface_table,
    pooled_heads,
    without,
)


def google_blocks(group: str) -> dict[str, Any]:
    """Returns Google's names of the blocks; `group` is `{i}`, or 0 for all."""
    block = f"bert/encoder/transformer/group_{group}/inner_group_0"
    return {
        **google_denses(
            {
                "blocks.{i}.attention.query": f"{block}/attention_1/self/query",
                "blocks.{i}.attention.key": f"{block}/attention_1/self/key",
                "blocks.{i}.attention.value": f"{block}/attention_1/self/value",
                "blocks.{i}.attention.output_dense": f"{block}/attention_1/output/dense",
                "blocks.{i}.feed_forward.intermediate": f"{block}/ffn_1/intermediate/dense",
                "blocks.{i}.feed_forward.output_dense": f"{block}/ffn_1/intermediate/output/dense",
            }
        ),
        **google_norm("blocks.{i}.attention_norm", f"{block}/LayerNorm"),
        **google_norm("blocks.{i}.feed_forward_norm", f"{block}/LayerNorm_1"),
    }


def huggingface_blocks(group: str) -> dict[str, Any]:
    """Returns Hugging Face's names of the blocks."""
    block = f"albert.encoder.albert_layer_groups.{group}.albert_layers.0"
    return {
        **huggingface_denses(
            {
                "blocks.{i}.attention.query": f"{block}.attention.query",
                "blocks.{i}.attention.key": f"{block}.attention.key",
                "blocks.{i}.attention.value": f"{block}.attention.value",
                "blocks.{i}.attention.output_dense": f"{block}.attention.dense",
                "blocks.{i}.feed_forward.intermediate": f"{block}.ffn",
                "blocks.{i}.feed_forward.output_dense": f"{block}.ffn_output",
            }
        ),
        **huggingface_norm("blocks.{i}.attention_norm", f"{block}.attention.LayerNorm"),
        **huggingface_norm("blocks.{i}.feed_forward_norm", f"{block}.full_layer_layer_norm"),
    }


def tables(group: str) -> dict[str, Any]:
    """Returns the tables of both layouts, with the blocks numbered by `group`."""
    shared = without(huggingface_table("albert"), "blocks", "pooler", "mlm", "nsp")
    return {
        "google": {
            **without(google_table(), "blocks"),
            **google_denses({"embedding_projection": "bert/encoder/embedding_hidden_mapping_in"}),
            **google_blocks(group),
        },
        "huggingface": {
            **shared,
            **huggingface_denses(
                {"embedding_projection": "albert.encoder.embedding_hidden_mapping_in"}
            ),
            **huggingface_blocks(group),
            "pooler.kernel": transposed("albert.pooler.weight"),
            "pooler.bias": "albert.pooler.bias",
            **huggingface_denses({"mlm.dense": "predictions.dense"}),
            **huggingface_norm("mlm.norm", "predictions.LayerNorm"),
            "mlm.bias": ("predictions.bias", "predictions.decoder.bias"),
            # sentence-order prediction
            **huggingface_denses({"nsp": "sop_classifier.classifier"}),
        },
    }


def bert4keras(block: str) -> dict[str, Any]:
    """Returns bert4keras's names, see `bert4keras_table`."""
    mapping = google_denses({"embedding_projection": "Embedding-Mapping"})
    return {**bert4keras_table(block), **mapping}


def read(values: dict[str, Any]) -> dict[str, Any]:
    """Google projects embeddings if they are narrower, Hugging Face always."""
    values.setdefault(
        "embedding_projection", "model_type" in values
    )  # only in Hugging Face's files
    return values


REQUIRED = {
    **ENCODER_REQUIRED,
    "down_scale_factor": (1,),
    "gap_size": (0,),
    "inner_group_num": (1,),
    "layers_to_keep": ([],),
    "ln_type": ("postln",),
    "net_structure_type": (0,),
    "num_memory_blocks": (0,),
}
KEYS = frozenset({"embedding_projection", "embedding_size", "tie_word_embeddings"})
ALBERT = Family(
    name="albert",
    paper="https://arxiv.org/abs/1909.11942",
    sizes=("base 12x768", "large 24x1024", "xlarge 24x2048", "xxlarge 12x4096"),
    model_type="albert",
    choices={"num_hidden_groups": 1, "embedding_projection": True},
    config_keys=KEYS | {"num_hidden_groups"},
    translate=read,
    signature={"num_hidden_groups": None},
    required=REQUIRED,
    harmless=frozenset({"classifier_dropout_prob"}),
    weights=tables("{i}"),
    read_weights={"bert4keras": bert4keras("Transformer-")},
    head_table={"huggingface": "predictions.decoder.weight"},
    task_heads={"google": GOOGLE_TASK_HEADS, "huggingface": pooled_heads()},
    optional_prefix={"huggingface": "albert."},
)

# The same checkpoints in separate blocks: a BERT that is initialized from an ALBERT.
ALBERT_UNSHARED = replace(
    ALBERT,
    name="albert-unshared",
    choices={"embedding_projection": True},
    config_keys=KEYS,
    signature={},
    required={**REQUIRED, "num_hidden_groups": (1,)},
    weights=tables("0"),
    read_weights={"bert4keras": bert4keras("Transformer-{i}-")},
)
