"""Whether a language head is tied to the token embedding; the weights overrule config.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.checkpoints import Checkpoint
from hornbook.errors import CheckpointError
from hornbook.progress import note

if TYPE_CHECKING:
    from hornbook.models.configuration.transformer_config import TransformerConfig
    from hornbook.models.family import Family

_WORDS = "token_embedding.embeddings"
_BIAS = "mlm.bias"


def as_the_file_ties(
    config: TransformerConfig, family: Family, checkpoint: Checkpoint
) -> TransformerConfig:
    """Returns the configuration, untied if the checkpoint has a head with weights of its own.

    transformers 5 does the same.  Tensors are only read if two of them should be equal.

    Args:
        config: With the heads of the model.
        family: Its family.
        checkpoint: The source of the weights.

    Raises:
        CheckpointError: the token embedding is stored under several names, with different values.
    """
    words = _present(family, checkpoint, _WORDS)
    for other in words[1:]:
        if not _equal(checkpoint, words[0], other):
            raise CheckpointError(
                f"{words[0]} and {other} in {checkpoint.files[0]} should be equal, but differ.\n"
                f"A {family.name} shares one token embedding, so this model cannot be read."
            )
    if "mlm" not in config.heads or not words:
        return config
    layout = checkpoint.layout
    untied: dict[str, Any]
    if config.language_head == "tied" and "language_head" in family.config_keys:  # Llama's way
        untied, names = {"language_head": "untied"}, _present(family, checkpoint, "mlm.kernel")
    elif config.tie_word_embeddings and layout in family.head_table:
        untied = {"tie_word_embeddings": False}
        names = _spellings_present(family, checkpoint, [family.head_table[layout]])
    else:
        return config
    if not names or _equal(checkpoint, words[0], names[0]):
        return config
    note(
        f"{names[0]} differs from {words[0]}, although the configuration ties them "
        "(tie_word_embeddings): the head keeps its own weights."
    )
    return config.replace(**untied)


def table_for_reading(
    table: Mapping[str, Any], family: Family, checkpoint: Checkpoint
) -> dict[str, Any]:
    """Returns the table; of two names for the language head's bias, the effective one is first."""
    names = _present(family, checkpoint, _BIAS)
    if len(names) < 2 or _BIAS not in table:
        return dict(table)
    if not _equal(checkpoint, *names[:2]):
        note(f"{names[1]} differs from {names[0]}, but should be equal: {names[1]} is used.")
    return {**table, _BIAS: effective_first(table[_BIAS])}


def with_copies(
    tensors: Mapping[str, Any], table: Mapping[str, Any], config: TransformerConfig
) -> dict[str, Any]:
    """Returns the tensors to write, with the bias of an untied head under both of its names."""
    names = table.get(_BIAS)
    if config.tie_word_embeddings or not isinstance(names, tuple) or names[0] not in tensors:
        return dict(tensors)
    return {**tensors, **dict.fromkeys(names, tensors[names[0]])}


def effective_first(names: Sequence[str]) -> tuple[str, ...]:
    """Sorts the names of the head's bias: first the one that transformers adds to its logits."""
    return tuple(sorted(names, key=lambda name: ".decoder." not in name))


def _present(family: Family, checkpoint: Checkpoint, path: str) -> list[str]:
    """Returns the checkpoint's names for one of our weights, in the order of the table."""
    row = family.rows(checkpoint.layout).get(path, ())
    rows = row if isinstance(row, tuple) else (row,)
    names = [name if isinstance(name, str) else name.name for name in rows]
    return _spellings_present(family, checkpoint, names)


def _spellings_present(family: Family, checkpoint: Checkpoint, names: Sequence[str]) -> list[str]:
    """Returns those of `names` that exist, with or without the family's optional prefix."""
    prefix = family.optional_prefix.get(checkpoint.layout, "")
    existing = set(checkpoint.names())
    present = []
    for name in names:
        spellings = dict.fromkeys([name, prefix + name, name.removeprefix(prefix)])
        present += [spelling for spelling in spellings if spelling in existing][:1]
    return present


def _equal(checkpoint: Checkpoint, first_name: str, second_name: str) -> bool:
    if checkpoint.shape(first_name) != checkpoint.shape(second_name):
        return False
    first, second = checkpoint.read(first_name), checkpoint.read(second_name)
    if first.dtype != second.dtype:
        first, second = first.astype("float32"), second.astype("float32")
    return bool(np.array_equal(first, second))
