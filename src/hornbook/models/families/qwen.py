"""Qwen 2, 2.5 and 3: Llama with other biases; Qwen 3 also normalizes queries and keys."""

from dataclasses import replace
from typing import Any

from hornbook.models.family import Family
from hornbook.models.tables.llama_rows import (
    LAYER,
    LLAMA_CHOICES,
    LLAMA_HARMLESS,
    LLAMA_KEYS,
    LLAMA_RENAME,
    LLAMA_REQUIRED,
    PREFIX,
    TASK_HEADS,
    llama_table,
    read_layer_types,
    read_llama,
    write_layer_types,
    write_llama,
)

CHOICES = {**LLAMA_CHOICES, "max_position_embeddings": 32768}
KEYS = LLAMA_KEYS | {"attention_window", "layer_types"}


def read(values: dict[str, Any]) -> dict[str, Any]:
    """Converts the keys of Qwen 2."""
    return read_layer_types(read_llama(values))


def write(values: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `read`."""
    return write_layer_types(write_llama(values))


def read_3(values: dict[str, Any]) -> dict[str, Any]:
    """Converts the keys of Qwen 3."""
    values["use_bias"] = "attention" if values.pop("attention_bias", False) else False
    return read(values)


def write_3(values: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `read_3`."""
    values["attention_bias"] = bool(values.pop("use_bias"))
    return write(values)


QWEN2 = Family(
    name="qwen2",
    aliases=("qwen2-5",),
    paper="https://arxiv.org/abs/2407.10671",
    sizes=("0.5B 24x896", "1.5B 28x1536", "7B 28x3584"),
    model_type="qwen2",
    choices={**CHOICES, "use_bias": "query_key_value"},
    config_keys=KEYS,
    rename=LLAMA_RENAME,
    translate=read,
    translate_back=write,
    required=LLAMA_REQUIRED,
    harmless=LLAMA_HARMLESS,
    weights={"huggingface": llama_table("attention.query", "attention.key", "attention.value")},
    task_heads=TASK_HEADS,
    optional_prefix=PREFIX,
)

QWEN3 = replace(
    QWEN2,
    name="qwen3",
    aliases=(),
    paper="https://arxiv.org/abs/2505.09388",
    sizes=("0.6B 28x1024", "1.7B 28x2048", "4B 36x2560", "8B 36x4096"),
    model_type="qwen3",
    choices={**CHOICES, "attention_head_size": 128, "query_key_norm": True},
    config_keys=KEYS | {"use_bias"},
    translate=read_3,
    translate_back=write_3,
    weights={
        "huggingface": {
            **llama_table("attention"),
            "blocks.{i}.attention.query_norm.gamma": f"{LAYER}.self_attn.q_norm.weight",
            "blocks.{i}.attention.key_norm.gamma": f"{LAYER}.self_attn.k_norm.weight",
        }
    },
)
