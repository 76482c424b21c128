"""Writing a large model as Hugging Face does: several files, and an index of the names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.checkpoints.safetensors.single_file import write_safetensors
from hornbook.files import write_json

SHARD_SIZE = 5_000_000_000


def write_shards(
    folder: str | Path, tensors: Mapping[str, Any], *, shard_size: int = SHARD_SIZE
) -> list[Path]:
    """Writes `model.safetensors`, or numbered files and `model.safetensors.index.json`.

    Args:
        folder: Where to.
        tensors: See `write_safetensors`.  Neighbours stay together.
        shard_size: Bytes of the tensors in a file at most; a tensor that is larger than that
            has a file of its own.

    Returns:
        The paths of all files, the index first when there is one.

    Raises:
        HornbookError: the disk is full, or the place may not be written to.
    """
    folder = Path(folder)
    sizes = {name: math.prod(t.shape) * np.dtype(t.dtype).itemsize for name, t in tensors.items()}
    shards: list[dict[str, Any]] = [{}]
    filled = 0
    for name, tensor in tensors.items():
        if shards[-1] and filled + sizes[name] > shard_size:
            shards.append({})
            filled = 0
        shards[-1][name] = tensor
        filled += sizes[name]
    if len(shards) == 1:
        return [write_safetensors(folder / "model.safetensors", tensors)]
    files = [
        write_safetensors(folder / f"model-{number:05d}-of-{len(shards):05d}.safetensors", shard)
        for number, shard in enumerate(shards, 1)
    ]
    index = folder / "model.safetensors.index.json"
    weight_map = {
        name: file.name for file, shard in zip(files, shards, strict=True) for name in shard
    }
    metadata = {"total_size": sum(sizes.values())}
    write_json(index, {"metadata": metadata, "weight_map": weight_map})
    return [index, *files]
