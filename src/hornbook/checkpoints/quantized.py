"""Detects quantized checkpoints, which cannot be read."""

from __future__ import annotations

import re

from hornbook.checkpoints.checkpoint import Checkpoint
from hornbook.checkpoints.renamed import RenamedCheckpoint
from hornbook.checkpoints.safetensors.shards import ShardedCheckpoint
from hornbook.checkpoints.safetensors.single_file import SafetensorsFile
from hornbook.errors import CheckpointError

# tensors that GPTQ and AWQ, bitsandbytes, and others store beside or in place of each weight
_PARTS = re.compile(r"\.(qweight|qzeros|weight\.absmax|weight\.quant_map|weight_packed)$")


def refuse_quantized(checkpoint: Checkpoint) -> None:
    """Raises an error if a checkpoint is quantized.

    Raises:
        CheckpointError: tensors have 8 or fewer bits, or an unknown type.
    """
    if isinstance(checkpoint, RenamedCheckpoint):
        checkpoint = checkpoint.checkpoint
    file = checkpoint.files[0] if checkpoint.files else "The checkpoint"
    if parts := [name for name in checkpoint.names() if _PARTS.search(name)]:
        raise CheckpointError(
            f"{file} holds quantized weights ({parts[0]}), which hornbook does not read: take the "
            "original checkpoint, and load it with variable_dtype='int8' or 'int4' to use as "
            "little memory."
        )
    if isinstance(checkpoint, SafetensorsFile | ShardedCheckpoint) and (
        types := checkpoint.unreadable_types()
    ):
        raise CheckpointError(
            f"{file} has {sum(types.values())} tensors of type {', '.join(sorted(types))}, which "
            "hornbook does not read: convert them to bfloat16 first, each multiplied by its scale "
            "tensor if there is one, or take the original checkpoint."
        )
