"""Checkpoints that hold a model inside of something else, which put a word before each name."""

from __future__ import annotations

import re
from typing import Any

from hornbook.checkpoints import Checkpoint, RenamedCheckpoint
from hornbook.progress import note

# What programs call the model inside: torch's DataParallel and compile, trainers, Lightning,
# sentence-transformers.
_AROUND = (
    *("module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module"),
    *("model", "net", "network", "backbone", "encoder_model", "lm", "lit_model"),
    *("transformer", "auto_model", "0"),
)
_BEGINNING = re.compile(rf"(?:(?:{'|'.join(_AROUND)})\.)+")


def without_wrapper(checkpoint: Checkpoint, family: Any) -> Checkpoint:
    """The checkpoint with the names that a family's table has.

    Args:
        checkpoint: As it was found.
        family: The `Family` that its configuration names.
    """
    if key := getattr(checkpoint, "key", ""):
        note(f"The weights are those under {key!r} in {checkpoint.files[0].name}.")
    beginning = wrapper_of(checkpoint, family)
    if not beginning:
        return checkpoint
    note(
        f"Each name in {checkpoint.files[0].name} begins with {beginning!r}, which a program "
        "around the model put there: it is left out."
    )
    return RenamedCheckpoint(checkpoint, beginning)


def wrapper_of(checkpoint: Checkpoint, family: Any) -> str:
    """What stands before the names of the model, "" for nothing.

    The table of words tells: nearly every model has one under a name of its own.
    """
    row = family.weights.get(checkpoint.layout, {}).get("token_embedding.embeddings", ())
    prefix = family.optional_prefix.get(checkpoint.layout, "")
    spellings = [row] if isinstance(row, str) else [name for name in row if isinstance(name, str)]
    spellings = list(dict.fromkeys([*spellings, *(one.removeprefix(prefix) for one in spellings)]))
    names = checkpoint.names()
    there = set(names)
    if any(one in there for one in spellings):
        return ""
    for one in spellings:
        for name in names:
            beginning = name[: -len(one)]
            if name.endswith(one) and _BEGINNING.fullmatch(beginning):
                return beginning
    return ""
