"""Checkpoints of a wrapped model, in which every name starts with the wrapper's."""

from __future__ import annotations

import re
from typing import Any

from hornbook.checkpoints import Checkpoint, RenamedCheckpoint
from hornbook.progress import note

# attributes in which wrappers keep the model: torch's DataParallel and compile, trainers,
# Lightning, sentence-transformers
_WRAPPERS = (
    *("module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module"),
    *("model", "net", "network", "backbone", "encoder_model", "lm", "lit_model"),
    *("transformer", "auto_model", "0"),
)
_PREFIX = re.compile(rf"(?:(?:{'|'.join(_WRAPPERS)})\.)+")


def without_wrapper(checkpoint: Checkpoint, family: Any) -> Checkpoint:
    """Returns the checkpoint with the names of a family's table.

    Args:
        checkpoint: The checkpoint as it is on disk.
        family: The `Family` that its configuration names.
    """
    if key := getattr(checkpoint, "key", ""):
        note(f"The weights are those under {key!r} in {checkpoint.files[0].name}.")
    prefix = wrapper_prefix(checkpoint, family)
    if not prefix:
        return checkpoint
    note(
        f"Each name in {checkpoint.files[0].name} starts with {prefix!r}, the name of a wrapper "
        "around the model: it is ignored."
    )
    return RenamedCheckpoint(checkpoint, prefix)


def wrapper_prefix(checkpoint: Checkpoint, family: Any) -> str:
    """Returns the wrapper's prefix of the names, "" for none.

    The token embedding tells: nearly every family has a name of its own for it.
    """
    row = family.rows(checkpoint.layout).get("token_embedding.embeddings", ())
    optional = family.optional_prefix.get(checkpoint.layout, "")
    spellings = [row] if isinstance(row, str) else [name for name in row if isinstance(name, str)]
    shorter = [spelling.removeprefix(optional) for spelling in spellings]
    spellings = list(dict.fromkeys([*spellings, *shorter]))
    names = checkpoint.names()
    existing = set(names)
    if any(spelling in existing for spelling in spellings):
        return ""
    for spelling in spellings:
        for name in names:
            prefix = name[: -len(spelling)]
            if name.endswith(spelling) and _PREFIX.fullmatch(prefix):
                return prefix
    return ""
