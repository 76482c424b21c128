"""Whether a language head is tied to the token embedding: where file and configuration differ,
the file is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.checkpoints import Checkpoint
from hornbook.errors import CheckpointError
from hornbook.progress import note

_WORDS = "token_embedding.embeddings"
_BIAS = "mlm.bias"


def as_the_file_ties(config: Any, family: Any, checkpoint: Checkpoint) -> Any:
    """The `TransformerConfig`, untied where the checkpoint has a head of other numbers.

    transformers 5 decides alike.  Tensors are read only where there are two that should be one.

    Args:
        config: With the heads that the model gets.
        family: Its `Family`.
        checkpoint: Where the weights come from.

    Raises:
        CheckpointError: the same table of words is there under several names, with other numbers.
    """
    words = _present(family, checkpoint, _WORDS)
    for other in words[1:]:
        if not _equal(checkpoint, words[0], other):
            raise CheckpointError(
                f"{words[0]} and {other} in {checkpoint.files[0]} should be the same table, and "
                f"differ.\nA {family.name} has one for all: such a model is not read."
            )
    if "mlm" not in config.heads or not words:
        return config
    layout = checkpoint.layout
    untied: dict[str, Any]
    if config.language_head == "tied" and "language_head" in family.words:  # Llama's way
        untied, names = {"language_head": "untied"}, _present(family, checkpoint, "mlm.kernel")
    elif config.tie_word_embeddings and layout in family.head_table:
        untied = {"tie_word_embeddings": False}
        names = _spelt(family, checkpoint, [family.head_table[layout]])
    else:
        return config
    if not names or _equal(checkpoint, words[0], names[0]):
        return config
    note(
        f"{names[0]} differs from {words[0]}, although the configuration says that they are tied "
        "(tie_word_embeddings): the head keeps its own weights."
    )
    return config.replace(**untied)


def table_for_reading(
    table: Mapping[str, Any], family: Any, checkpoint: Checkpoint
) -> dict[str, Any]:
    """The table, with the name of the language head's bias that counts where there are two."""
    names = _present(family, checkpoint, _BIAS)
    if len(names) < 2 or _BIAS not in table:
        return dict(table)
    if not _equal(checkpoint, *names[:2]):
        note(f"{names[1]} differs from {names[0]}, which it should equal: it is the one used.")
    return {**table, _BIAS: counting_first(table[_BIAS])}


def with_copies(tensors: Mapping[str, Any], table: Mapping[str, Any], config: Any) -> dict:
    """The tensors to write, the bias of a head that is not tied under both of its names."""
    names = table.get(_BIAS)
    if config.tie_word_embeddings or not isinstance(names, tuple) or names[0] not in tensors:
        return dict(tensors)
    return {**tensors, **dict.fromkeys(names, tensors[names[0]])}


def counting_first(names: Sequence[str]) -> tuple[str, ...]:
    """The names of the head's bias, in front the one that transformers adds to its logits."""
    return tuple(sorted(names, key=lambda name: ".decoder." not in name))


def _present(family: Any, checkpoint: Checkpoint, path: str) -> list[str]:
    """The names a checkpoint has for one of our weights, in the order of the table."""
    row = family.weights.get(checkpoint.layout, {}).get(path, ())
    several = row if isinstance(row, tuple) else (row,)
    return _spelt(
        family, checkpoint, [one if isinstance(one, str) else one.name for one in several]
    )


def _spelt(family: Any, checkpoint: Checkpoint, names: Sequence[str]) -> list[str]:
    """Those of `names` that are there, with or without what the family may leave out."""
    prefix = family.optional_prefix.get(checkpoint.layout, "")
    there = set(checkpoint.names())
    found = []
    for name in names:
        spellings = dict.fromkeys([name, prefix + name, name.removeprefix(prefix)])
        found += [one for one in spellings if one in there][:1]
    return found


def _equal(checkpoint: Checkpoint, one: str, other: str) -> bool:
    if checkpoint.shape(one) != checkpoint.shape(other):
        return False
    first, second = checkpoint.read(one), checkpoint.read(other)
    if first.dtype != second.dtype:
        first, second = first.astype("float32"), second.astype("float32")
    return bool(np.array_equal(first, second))
