"""A checkpoint without the prefix that a wrapper gave its names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from hornbook.checkpoints.checkpoint import Checkpoint


class RenamedCheckpoint:
    """The tensors of a checkpoint, under names without a prefix.

    Args:
        checkpoint: The checkpoint with the longer names.
        prefix: Prefix to remove, such as `"module."`; names without it are unchanged.
    """

    def __init__(self, checkpoint: Checkpoint, prefix: str):
        self.checkpoint = checkpoint
        self.prefix = prefix
        self.layout = checkpoint.layout
        self.files: list[Path] = checkpoint.files
        self._original = {name.removeprefix(prefix): name for name in checkpoint.names()}

    def names(self) -> list[str]:
        """Returns the shorter names of all tensors, sorted."""
        return sorted(self._original)

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a tensor."""
        return self.checkpoint.shape(self._original[name])

    def dtype(self, name: str) -> np.dtype:
        """Returns the type of a tensor; `object` for one that NumPy does not have."""
        return self.checkpoint.dtype(self._original[name])

    def read(self, name: str) -> np.ndarray:
        """Reads one tensor."""
        return self.checkpoint.read(self._original[name])

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Verifies the checksums of these tensors, or of all."""
        originals = None if names is None else [self._original[name] for name in names]
        self.checkpoint.verify(originals)
