"""The frequencies of rotary positions, also scaled for texts longer than in training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hornbook.errors import CheckpointError, did_you_mean

# required and optional settings of each kind
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
        "finetuned": None,  # describes the weights, has no effect
        "mscale": None,
        "mscale_all_dim": None,
        "truncate": True,
    }
}


def rotary_frequencies(
    head_size: int, base: float = 10000.0, scaling: Mapping[str, Any] | None = None
) -> np.ndarray:
    """Returns the frequency of each pair of features, in radians per position.

    Args:
        head_size: Features per head.
        base: Pair `i` has the frequency `base ** (-2 i / head_size)`.
        scaling: For texts up to `factor` times as long as in training: a mapping with
            `rope_type`, `factor` and the other settings of that kind.  `"linear"` divides all
            frequencies by the factor, which needs some further training; `"ntk"` does not: it
            leaves the highest frequencies, which distinguish neighbors, almost unchanged.
            `"llama3"` and `"yarn"` divide the low frequencies, which have few periods within
            `original_max_position_embeddings`, and leave the high ones unchanged.

    Raises:
        CheckpointError: the kind is unknown, or a setting is missing, invalid or unknown.

    References: https://arxiv.org/abs/2306.15595, https://kexue.fm/archives/9675,
        https://arxiv.org/abs/2309.00071, https://arxiv.org/abs/2407.21783
    """
    kind, settings = _read(scaling)
    if kind == "ntk":
        base = base * settings["factor"] ** (head_size / (head_size - 2))
    frequencies = base ** (-np.arange(0, head_size, 2) / head_size)
    if kind in ("default", "ntk"):
        return frequencies
    share = np.zeros_like(frequencies)  # share of its frequency that a pair keeps
    if kind == "llama3":
        periods = frequencies * settings["original_max_position_embeddings"] / (2 * math.pi)
        low, high = settings["low_freq_factor"], settings["high_freq_factor"]
        share = np.clip((periods - low) / (high - low), 0, 1)
    elif kind == "yarn":
        share = _yarn_share(head_size, base, settings)
    return frequencies * (share + (1 - share) / settings["factor"])


def rotary_attention_factor(scaling: Mapping[str, Any] | None = None) -> float:
    """Returns the factor of query and key: YaRN sharpens attention, which long texts blur.

    Args:
        scaling: See `rotary_frequencies`.
    """
    kind, settings = _read(scaling)
    if kind != "yarn":
        return 1.0
    if settings["attention_factor"] is not None:
        return float(settings["attention_factor"])

    def sharpness(weight: float) -> float:
        return 0.1 * weight * math.log(settings["factor"]) + 1.0

    if settings["mscale"] and settings["mscale_all_dim"]:
        return sharpness(settings["mscale"]) / sharpness(settings["mscale_all_dim"])
    return sharpness(1.0)


def _yarn_share(head_size: int, base: float, settings: Mapping[str, Any]) -> np.ndarray:
    """Returns 1 for pairs with more than `beta_fast` periods, 0 below `beta_slow`, else a ramp."""

    def pair_with(periods: float) -> float:
        length = settings["original_max_position_embeddings"]
        return head_size * math.log(length / (periods * 2 * math.pi)) / (2 * math.log(base))

    first, last = pair_with(settings["beta_fast"]), pair_with(settings["beta_slow"])
    if settings["truncate"]:
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, head_size - 1)
    if first == last:
        last += 0.001  # a step instead of a ramp
    return 1 - np.clip((np.arange(head_size // 2) - first) / (last - first), 0, 1)


def _read(scaling: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """Returns the kind and its settings, checked, with defaults for optional ones."""
    settings = dict(scaling or {})
    # the old key first
    kinds = [settings.pop(key) for key in ("type", "rope_type") if key in settings]
    kind = kinds[-1] if kinds else "default"
    if kind not in REQUIRED:
        raise CheckpointError(
            f"Unknown rope_scaling type {kind!r}. {did_you_mean(str(kind), REQUIRED)}"
        )
    for name in REQUIRED[kind]:
        value: Any = settings.get(name)
        minimum = 1 if name == "factor" else 0
        if not _is_number(value) or value < minimum or not value:
            expected = "at least 1" if minimum else "a number above 0"
            raise CheckpointError(f"The {name} of rope_scaling is {value!r}, expected {expected}.")
    optional = OPTIONAL.get(kind, {})
    for name in set(settings) - {*REQUIRED[kind]}:
        if name not in optional:
            known = (*REQUIRED[kind], *optional)
            raise CheckpointError(
                f"Unknown {name!r} in rope_scaling of type {kind!r}. {did_you_mean(name, known)}"
            )
        if settings[name] is None:  # the same as missing
            del settings[name]
        elif not _is_number(settings[name]) and not isinstance(settings[name], bool):
            raise CheckpointError(
                f"The {name} of rope_scaling is {settings[name]!r}, expected a number."
            )
    return kind, {**optional, **settings}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
