"""The weight tables of BERT's two layouts, which many families share except for a few rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbook.checkpoints.weight_table import transposed

# The dense layers of a block: our path -> Google's; Hugging Face has dots for the slashes.
_DENSE = {
    "attention.query": "attention/self/query",
    "attention.key": "attention/self/key",
    "attention.value": "attention/self/value",
    "attention.output_dense": "attention/output/dense",
    "feed_forward.intermediate": "intermediate/dense",
    "feed_forward.output_dense": "output/dense",
}
# checkpoints converted before 2020 have Google's names gamma and beta
_NORM_NAMES = {"gamma": ("weight", "gamma"), "beta": ("bias", "beta")}


def google_table(model: str = "bert", stack: str = "encoder") -> dict[str, Any]:
    """Returns Google's names.

    Args:
        model: Prefix of every name of the model.
        stack: Scope of the blocks.
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
    """Returns Hugging Face's names; those of the model itself have the prefix `model`."""
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
        # two names of one bias; if they differ, the second one is used
        "mlm.bias": ("cls.predictions.bias", "cls.predictions.decoder.bias"),
        **huggingface_denses({"nsp": "cls.seq_relationship"}),
    }


def google_denses(names: Mapping[str, str]) -> dict[str, Any]:
    """Returns kernel and bias of each dense layer: our path -> its name."""
    return {
        f"{ours}.{part}": f"{name}/{part}"
        for ours, name in names.items()
        for part in ("kernel", "bias")
    }


def google_norm(ours: str, name: str) -> dict[str, Any]:
    """Returns the two weights of a norm."""
    return {f"{ours}.gamma": f"{name}/gamma", f"{ours}.beta": f"{name}/beta"}


def huggingface_denses(names: Mapping[str, str]) -> dict[str, Any]:
    """Returns kernel and bias of each `torch.nn.Linear`: our path -> its name."""
    return {
        path: row
        for ours, name in names.items()
        for path, row in (
            (f"{ours}.kernel", transposed(f"{name}.weight")),
            (f"{ours}.bias", f"{name}.bias"),
        )
    }


def huggingface_norm(ours: str, name: str) -> dict[str, Any]:
    """Returns the two weights of a norm, with their new and old names."""
    return {
        f"{ours}.{part}": tuple(f"{name}.{suffix}" for suffix in suffixes)
        for part, suffixes in _NORM_NAMES.items()
    }


def without(table: Mapping[str, Any], *parts: str) -> dict[str, Any]:
    """Returns the table without the rows whose dotted path has one of `parts`."""
    return {path: row for path, row in table.items() if not set(path.split(".")) & set(parts)}


# Optional keys of config.json in these families, and the only values that hornbook computes.
ENCODER_REQUIRED: dict[str, tuple[Any, ...]] = {
    "add_cross_attention": (False,),
    "is_decoder": (False,),
    "is_encoder_decoder": (False,),
    "position_embedding_type": ("absolute",),
    "pruned_heads": ({},),
}
# The language head's own table; in most files it is a copy of the token embedding.
HEAD_TABLE = {"huggingface": "cls.predictions.decoder.weight"}


def pooled_heads(classifier: str = "classifier") -> dict[str, Any]:
    """Returns Hugging Face's heads of fine-tuned checkpoints; texts use the pooler."""
    answer = huggingface_denses({"question_answering.output_dense": "qa_outputs"})
    return {
        **{
            head: huggingface_denses({f"{head}.output_dense": classifier})
            for head in ("classification", "token_classification")
        },
        "question_answering": answer,
    }


def first_token_heads() -> dict[str, Any]:
    """The same, if the text classifier has a dense layer of its own instead of the pooler."""
    names = {"dense": "classifier.dense", "output_dense": "classifier.out_proj"}
    rows = {f"classification.{ours}": name for ours, name in names.items()}
    return {**pooled_heads(), "classification": huggingface_denses(rows)}


def last_token_heads(token_classifier: str) -> dict[str, Any]:
    """The same for causal models: texts are classified at the last token, without a bias."""
    return {
        **pooled_heads(token_classifier),
        "classification": {
            "classification.output_dense.kernel": transposed("score.weight"),
        },
    }


# The heads of Google's scripts for fine-tuning BERT.
GOOGLE_TASK_HEADS: dict[str, Any] = {
    "classification": {
        "classification.output_dense.kernel": transposed("output_weights"),
        "classification.output_dense.bias": "output_bias",
    },
    "question_answering": {
        "question_answering.output_dense.kernel": transposed("cls/squad/output_weights"),
        "question_answering.output_dense.bias": "cls/squad/output_bias",
    },
}
