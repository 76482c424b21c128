"""What every kind of checkpoint offers, whatever its files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np


class Checkpoint(Protocol):
    """Names and arrays, read one at a time."""

    @property
    def layout(self) -> str:
        """`"google"`, `"huggingface"` or `"keras"`: whose names these are."""

    @property
    def files(self) -> list[Path]:
        """The files it is read from."""

    def names(self) -> list[str]:
        """The names of all tensors, sorted."""

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor.  KeyError when there is none of that name."""

    def dtype(self, name: str) -> np.dtype:
        """The type of a tensor; `object` when it holds no numbers."""

    def read(self, name: str) -> np.ndarray:
        """Reads one tensor.  CheckpointError when it is damaged."""

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Checks what can be checked of these tensors, or of all, without keeping them.

        Raises:
            CheckpointError: naming all that are damaged.
        """
