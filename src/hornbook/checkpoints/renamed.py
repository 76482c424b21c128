"""A checkpoint whose names all begin with what a program around the model put before them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from hornbook.checkpoints.checkpoint import Checkpoint


class RenamedCheckpoint:
    """The same tensors without a beginning of their names.

    Args:
        checkpoint: With the longer names.
        beginning: What is left out, `"module."`; names without it stay.
    """

    def __init__(self, checkpoint: Checkpoint, beginning: str):
        self.checkpoint = checkpoint
        self.beginning = beginning
        self.layout = checkpoint.layout
        self.files: list[Path] = checkpoint.files
        self._original = {name.removeprefix(beginning): name for name in checkpoint.names()}

    def names(self) -> list[str]:
        """The shorter names of all tensors, sorted."""
        return sorted(self._original)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return self.checkpoint.shape(self._original[name])

    def dtype(self, name: str) -> np.dtype:
        """The type of a tensor; `object` for one that NumPy does not have."""
        return self.checkpoint.dtype(self._original[name])

    def read(self, name: str) -> np.ndarray:
        """Reads one tensor."""
        return self.checkpoint.read(self._original[name])

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Checks what can be checked of these tensors, or of all."""
        chosen = None if names is None else [self._original[name] for name in names]
        self.checkpoint.verify(chosen)
