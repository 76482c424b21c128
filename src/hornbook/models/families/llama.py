"""Llama 1 to 3 and models of the same architecture; Mistral, a Llama with sliding attention."""

from dataclasses import replace
from typing import Any

from hornbook.models.family import Family
from hornbook.models.tables.llama_rows import (
    LLAMA_CHOICES,
    LLAMA_HARMLESS,
    LLAMA_KEYS,
    LLAMA_RENAME,
    LLAMA_REQUIRED,
    PREFIX,
    TASK_HEADS,
    llama_table,
    read_llama,
    read_window,
    write_llama,
    write_window,
)


def read(values: dict[str, Any]) -> dict[str, Any]:
    """Merges the two keys for biases into `use_bias`."""
    attention = values.pop("attention_bias", False)
    values["use_bias"] = "attention" if attention else False
    if attention and values.get("mlp_bias"):
        del values["mlp_bias"]
        values["use_bias"] = True
    return read_llama(values)


def write(values: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `read`."""
    bias = values.pop("use_bias")
    values |= {"attention_bias": bool(bias), "mlp_bias": bias is True}
    return write_llama(values)


LLAMA = Family(
    name="llama",
    aliases=("llama2", "llama3", "smollm", "smollm2", "tinyllama", "vicuna"),
    paper="https://arxiv.org/abs/2302.13971",
    sizes=("7B 32x4096", "13B 40x5120", "70B 80x8192"),
    model_type="llama",
    choices={**LLAMA_CHOICES, "max_position_embeddings": 2048},
    config_keys=LLAMA_KEYS | {"use_bias"},
    rename=LLAMA_RENAME,
    translate=read,
    translate_back=write,
    # there is no model with a bias only there
    required={**LLAMA_REQUIRED, "mlp_bias": (False,)},
    harmless=LLAMA_HARMLESS,
    weights={"huggingface": llama_table("attention", "feed_forward")},
    task_heads=TASK_HEADS,
    optional_prefix=PREFIX,
)

MISTRAL = replace(
    LLAMA,
    name="mistral",
    aliases=("mistral-7b",),
    paper="https://arxiv.org/abs/2310.06825",
    sizes=("7B 32x4096",),
    model_type="mistral",
    choices={**LLAMA_CHOICES, "max_position_embeddings": 131072, "attention_window": 4095},
    config_keys=LLAMA_KEYS | {"attention_window"},
    translate=lambda values: read_window(read_llama({"sliding_window": 4096, **values})),
    translate_back=lambda values: write_window(write_llama(values)),
    required=LLAMA_REQUIRED,
    weights={"huggingface": llama_table()},
)
