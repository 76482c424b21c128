"""Writes a large model in Hugging Face's layout: several files, and an index of the names."""

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
        folder: The folder to write into.
        tensors: See `write_safetensors`.  Their order is kept.
        shard_size: Maximum size of the tensors per file, in bytes; a larger tensor gets a file
            of its own.

    Returns:
        The paths of all files, first the index if there is one.

    Raises:
        HornbookError: the disk is full, or the folder may not be written to.
    """
    folder = Path(folder)
    sizes = {name: math.prod(t.shape) * np.dtype(t.dtype).itemsize for name, t in tensors.items()}
    shards: list[dict[str, Any]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        if shards[-1] and size + sizes[name] > shard_size:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += sizes[name]
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
