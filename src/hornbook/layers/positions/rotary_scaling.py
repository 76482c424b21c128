"""How fast rotary positions turn, for the length a model was trained for and for longer ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hornbook.errors import CheckpointError, did_you_mean

# what each kind must be told, and what it may be told
REQUIRED: dict[str, tuple[str, ...]] = {
    "default": (),
    "linear": ("factor",),
    "ntk": ("factor",),
    "llama3": (
        *("factor", "original_max_position_embeddings"),
        *("low_freq_factor", "high_freq_factor"),
    ),
    "yarn": ("factor", "original_max_position_embeddings"),
}
OPTIONAL: dict[str, dict[str, Any]] = {
    "yarn": {
        "attention_factor": None,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "finetuned": None,  # says where the weights come from
        "mscale": None,
        "mscale_all_dim": None,
        "truncate": True,
    }
}


def rotary_speeds(
    head_size: int, base: float = 10000.0, scaling: Mapping[str, Any] | None = None
) -> np.ndarray:
    """Radians a position for each pair of features.

    Args:
        head_size: Features of a head.
        base: Pair `i` turns by `base ** (-2 i / head_size)`.
        scaling: For texts `factor` times as long as the model was trained for, an object with
            `rope_type`, `factor` and what else that kind takes.  `"linear"` turns everything
            slower, which wants some further training; `"ntk"` leaves the fast pairs, which tell
            neighbours apart, as they are, and works without.  `"llama3"` and `"yarn"` slow the
            pairs down that turn seldom within `original_max_position_embeddings`, and leave
            those that turn often.

    Raises:
        CheckpointError: an unknown kind, or a number that is missing, wrong, or of no use.

    References: https://arxiv.org/abs/2306.15595, https://kexue.fm/archives/9675,
        https://arxiv.org/abs/2309.00071, https://arxiv.org/abs/2407.21783
    """
    kind, said = _read(scaling)
    if kind == "ntk":
        base = base * said["factor"] ** (head_size / (head_size - 2))
    speeds = base ** (-np.arange(0, head_size, 2) / head_size)
    if kind in ("default", "ntk"):
        return speeds
    kept = np.zeros_like(speeds)  # how much of its speed a pair keeps
    if kind == "llama3":
        turns = speeds * said["original_max_position_embeddings"] / (2 * math.pi)
        low, high = said["low_freq_factor"], said["high_freq_factor"]
        kept = np.clip((turns - low) / (high - low), 0, 1)
    elif kind == "yarn":
        kept = _kept_by_yarn(head_size, base, said)
    return speeds * (kept + (1 - kept) / said["factor"])


def rotary_attention_factor(scaling: Mapping[str, Any] | None = None) -> float:
    """What query and key are each multiplied by: long texts blur attention, YaRN sharpens it.

    Args:
        scaling: See `rotary_speeds`.
    """
    kind, said = _read(scaling)
    if kind != "yarn":
        return 1.0
    if said["attention_factor"] is not None:
        return float(said["attention_factor"])

    def sharpness(weight: float) -> float:
        return 0.1 * weight * math.log(said["factor"]) + 1.0

    if said["mscale"] and said["mscale_all_dim"]:
        return sharpness(said["mscale"]) / sharpness(said["mscale_all_dim"])
    return sharpness(1.0)


def _kept_by_yarn(head_size: int, base: float, said: Mapping[str, Any]) -> np.ndarray:
    """1 for pairs that turn more than `beta_fast` times, 0 below `beta_slow`, a ramp between."""

    def pair_that_turns(times: float) -> float:
        length = said["original_max_position_embeddings"]
        return head_size * math.log(length / (times * 2 * math.pi)) / (2 * math.log(base))

    first, last = pair_that_turns(said["beta_fast"]), pair_that_turns(said["beta_slow"])
    if said["truncate"]:
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, head_size - 1)
    if first == last:
        last += 0.001  # a step instead of a ramp
    return 1 - np.clip((np.arange(head_size // 2) - first) / (last - first), 0, 1)


def _read(scaling: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """The kind and its numbers, checked, with what was not said."""
    said = dict(scaling or {})
    kinds = [said.pop(key) for key in ("type", "rope_type") if key in said]  # the old word first
    kind = kinds[-1] if kinds else "default"
    if kind not in REQUIRED:
        raise CheckpointError(
            f"rope_scaling asks for {kind!r}. {did_you_mean(str(kind), REQUIRED)}"
        )
    for name in REQUIRED[kind]:
        value: Any = said.get(name)
        least = 1 if name == "factor" else 0
        if not _is_number(value) or value < least or not value:
            expected = "1 or more" if least else "a number above 0"
            raise CheckpointError(f"The {name} of rope_scaling is {value!r}, expected {expected}.")
    optional = OPTIONAL.get(kind, {})
    for name in set(said) - {*REQUIRED[kind]}:
        if name not in optional:
            known = (*REQUIRED[kind], *optional)
            raise CheckpointError(
                f"rope_scaling of the kind {kind!r} takes no {name!r}. {did_you_mean(name, known)}"
            )
        if said[name] is None:  # as not said
            del said[name]
        elif not _is_number(said[name]) and not isinstance(said[name], bool):
            raise CheckpointError(
                f"The {name} of rope_scaling is {said[name]!r}, expected a number."
            )
    return kind, {**optional, **said}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
