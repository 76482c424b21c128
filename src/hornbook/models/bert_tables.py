"""The weight tables of BERT's two layouts, which many families share but for a few rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbook.checkpoints.weight_table import transposed

# The denses of a block: our path, and Google's; Hugging Face has dots for the slashes.
_DENSE = {
    "attention.query": "attention/self/query",
    "attention.key": "attention/self/key",
    "attention.value": "attention/self/value",
    "attention.output_dense": "attention/output/dense",
    "feed_forward.intermediate": "intermediate/dense",
    "feed_forward.output_dense": "output/dense",
}
# checkpoints converted before 2020 keep Google's words gamma and beta
_NORM_WORDS = {"gamma": ("weight", "gamma"), "beta": ("bias", "beta")}


def google_table(model: str = "bert", stack: str = "encoder") -> dict[str, Any]:
    """Google's names.

    Args:
        model: What every name of the model begins with.
        stack: What the blocks are in.
    """
    embeddings, block = f"{model}/embeddings", f"{model}/{stack}/layer_{{i}}"
    dense = {f"blocks.{{i}}.{ours}": f"{block}/{name}" for ours, name in _DENSE.items()}
    return {
        "token_embedding.embeddings": f"{embeddings}/word_embeddings",
        "segment_embedding.embeddings": f"{embeddings}/token_type_embeddings",
        "position_embedding.embeddings": f"{embeddings}/position_embeddings",
        **google_norm("embedding_norm", f"{embeddings}/LayerNorm"),
        **google_denses(dense),
        **google_norm("blocks.{i}.attention_norm", f"{block}/attention/output/LayerNorm"),
        **google_norm("blocks.{i}.feed_forward_norm", f"{block}/output/LayerNorm"),
        **google_denses({"pooler": f"{model}/pooler/dense"}),
        **google_denses({"mlm.dense": "cls/predictions/transform/dense"}),
        **google_norm("mlm.norm", "cls/predictions/transform/LayerNorm"),
        "mlm.bias": "cls/predictions/output_bias",
        # the one kernel that Google stores as (out, in)
        "nsp.kernel": transposed("cls/seq_relationship/output_weights"),
        "nsp.bias": "cls/seq_relationship/output_bias",
    }


def huggingface_table(model: str = "bert") -> dict[str, Any]:
    """Hugging Face's names, of which all that belong to the model begin with `model`."""
    embeddings, block = f"{model}.embeddings", f"{model}.encoder.layer.{{i}}"
    dense = {
        f"blocks.{{i}}.{ours}": f"{block}.{name.replace('/', '.')}" for ours, name in _DENSE.items()
    }
    return {
        "token_embedding.embeddings": f"{embeddings}.word_embeddings.weight",
        "segment_embedding.embeddings": f"{embeddings}.token_type_embeddings.weight",
        "position_embedding.embeddings": f"{embeddings}.position_embeddings.weight",
        **huggingface_norm("embedding_norm", f"{embeddings}.LayerNorm"),
        **huggingface_denses(dense),
        **huggingface_norm("blocks.{i}.attention_norm", f"{block}.attention.output.LayerNorm"),
        **huggingface_norm("blocks.{i}.feed_forward_norm", f"{block}.output.LayerNorm"),
        **huggingface_denses({"pooler": f"{model}.pooler.dense"}),
        **huggingface_denses({"mlm.dense": "cls.predictions.transform.dense"}),
        **huggingface_norm("mlm.norm", "cls.predictions.transform.LayerNorm"),
        "mlm.bias": "cls.predictions.bias",
        **huggingface_denses({"nsp": "cls.seq_relationship"}),
    }


def google_denses(names: Mapping[str, str]) -> dict[str, Any]:
    """The kernel and the bias of each: our path -> its name."""
    return {
        f"{ours}.{part}": f"{name}/{part}"
        for ours, name in names.items()
        for part in ("kernel", "bias")
    }


def google_norm(ours: str, name: str) -> dict[str, Any]:
    """The two weights of a norm."""
    return {f"{ours}.gamma": f"{name}/gamma", f"{ours}.beta": f"{name}/beta"}


def huggingface_denses(names: Mapping[str, str]) -> dict[str, Any]:
    """The kernel and the bias of each `torch.nn.Linear`: our path -> its name."""
    return {
        path: row
        for ours, name in names.items()
        for path, row in (
            (f"{ours}.kernel", transposed(f"{name}.weight")),
            (f"{ours}.bias", f"{name}.bias"),
        )
    }


def huggingface_norm(ours: str, name: str) -> dict[str, Any]:
    """The two weights of a norm, under their new and old names."""
    return {
        f"{ours}.{part}": tuple(f"{name}.{word}" for word in words)
        for part, words in _NORM_WORDS.items()
    }


def without(table: Mapping[str, Any], *parts: str) -> dict[str, Any]:
    """The table less the rows of which a dotted part of our path is one of `parts`."""
    return {path: row for path, row in table.items() if not set(path.split(".")) & set(parts)}


# What a config.json of this line may say, and the only values that hornbook computes.
ENCODER_REQUIRED: dict[str, tuple] = {
    "add_cross_attention": (False,),
    "is_decoder": (False,),
    "is_encoder_decoder": (False,),
    "position_embedding_type": ("absolute",),
    "pruned_heads": ({},),
    "tie_word_embeddings": (True,),
}
# Tied copies of the token embedding and of the bias that older files have too.
TIED_COPIES = r"^cls\.predictions\.decoder\.(weight|bias)$"
