"""Arrays in memory as a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np


class ArraysCheckpoint:
    """Arrays in memory as a checkpoint, such as weights converted by other code."""

    def __init__(self, arrays: Mapping[str, np.ndarray], *, layout: str = "google"):
        self._arrays = {name: np.asarray(array) for name, array in arrays.items()}
        self.layout = layout
        self.files: list[Path] = []

    def names(self) -> list[str]:
        """Returns the names of all arrays, sorted."""
        return sorted(self._arrays)

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of an array."""
        return self._arrays[name].shape

    def dtype(self, name: str) -> np.dtype:
        """Returns the type of an array."""
        return self._arrays[name].dtype

    def read(self, name: str) -> np.ndarray:
        """Returns a copy of an array, because some backends take over its memory."""
        return self._arrays[name].copy()

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Does nothing: arrays in memory have no checksums."""
