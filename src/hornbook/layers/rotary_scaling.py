"""How fast rotary positions turn, for the length a model was trained for and for longer ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hornbook.errors import CheckpointError, did_you_mean


def rotary_speeds(
    head_size: int, base: float = 10000.0, scaling: Mapping[str, Any] | None = None
) -> np.ndarray:
    """Radians a position for each pair of features.

    Args:
        head_size: Features of a head.
        base: Pair `i` turns by `base ** (-2 i / head_size)`.
        scaling: For texts `factor` times as long as the model was trained for, an object with
            `rope_type` and `factor`: `"linear"` turns everything slower, which wants some
            further training; `"ntk"` leaves the fast pairs, which tell neighbours apart, as
            they are, and works without.

    Raises:
        CheckpointError: an unknown kind, or a factor that is missing or below 1.

    References: https://arxiv.org/abs/2306.15595, https://kexue.fm/archives/9675
    """
    scaling = scaling or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind not in ("default", "linear", "ntk"):
        raise CheckpointError(
            f"rope_scaling asks for {kind!r}. {did_you_mean(str(kind), ('linear', 'ntk'))}"
        )
    factor: Any = 1.0 if kind == "default" else scaling.get("factor")
    if not isinstance(factor, int | float) or isinstance(factor, bool) or factor < 1:
        raise CheckpointError(f"The factor of rope_scaling is {factor!r}, expected 1 or more.")
    if kind == "ntk":
        base = base * factor ** (head_size / (head_size - 2))
    speeds = base ** (-np.arange(0, head_size, 2) / head_size)
    return speeds / factor if kind == "linear" else speeds
