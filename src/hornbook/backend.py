"""Chooses the backend that Keras runs on: the user's choice, else one that is installed.

Keras defaults to TensorFlow and fails if that is missing.  `choose` runs when hornbook is
imported, before Keras is, and imports nothing.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hornbook.errors import MissingExtraError, OptionError, did_you_mean

if TYPE_CHECKING:
    import numpy as np

BACKENDS = ("jax", "torch", "tensorflow")  # in the order they are tried

# options of glibc's malloc.h, and their values
MALLOC = {
    "arena_max": (-8, 1),
    "mmap_max": (-4, 0),  # no separate block for large requests
    "trim_threshold": (-1, -1),  # never return memory
    "top_pad": (-2, 2**26),
}

NONE_INSTALLED = "no backend is installed"

# What Keras writes to keras.json on its first import, regardless of the backend.
WRITTEN_BY_KERAS = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "backend": "tensorflow",
    "image_data_format": "channels_last",
}

_reason = ""
_to_announce = False  # whether hornbook chose, and has not reported it yet


def choose() -> str:
    """Sets `KERAS_BACKEND` and returns its value ("" when no backend is installed)."""
    global _reason, _to_announce
    # TensorFlow logs details of its build on every import
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "keras" in sys.modules:
        _reason = "Keras was imported before hornbook"
        return str(sys.modules["keras"].config.backend())
    if name := os.environ.get("KERAS_BACKEND"):
        _reason = f"KERAS_BACKEND is {name}"
        return name
    configured = _from_keras_json()
    if configured and _installed(configured):
        _reason = f"{_keras_json()} names {configured}"
        return configured
    for name in BACKENDS:
        if _installed(name):
            os.environ["KERAS_BACKEND"] = name
            _to_announce = True
            _reason = "it is installed and KERAS_BACKEND is not set"
            if configured:
                _reason = f"{_keras_json()} names {configured}, which is not installed"
            return name
    _reason = NONE_INSTALLED
    return ""


def reason() -> str:
    """Returns why this backend was chosen, as a clause."""
    return _reason


def announce() -> None:
    """Reports once, on standard error, the backend that hornbook chose.

    Raises:
        OptionError: `KERAS_BACKEND` is unknown.
        MissingExtraError: the user's backend, or any backend, is not installed.
    """
    global _to_announce
    chosen = os.environ.get("KERAS_BACKEND", "")
    if chosen and chosen not in BACKENDS and "keras" not in sys.modules:
        raise OptionError(
            f"Unknown backend KERAS_BACKEND={chosen}.  {did_you_mean(chosen, BACKENDS)}\n"
            f"hornbook runs on {', '.join(BACKENDS[:-1])} and {BACKENDS[-1]}."
        )
    if _reason == NONE_INSTALLED or (chosen in BACKENDS and not _installed(chosen)):
        missing = f"{_reason}, but {chosen} is not installed" if chosen else NONE_INSTALLED
        installed = [name for name in BACKENDS if _installed(name)]
        raise MissingExtraError(
            f"Keras has nothing to run on: {missing}.\n"
            f"Install it with:  pip install 'hornbook[{chosen or 'torch'}]'"
            + (f"\nOr use  export KERAS_BACKEND={installed[0]}" if installed else "")
        )
    if _to_announce:
        print(f"Keras backend: {os.environ['KERAS_BACKEND']} ({_reason})", file=sys.stderr)
    _to_announce = False


def accelerator() -> str | None:
    """Returns the name of the first GPU or TPU; None without one."""
    backend = sys.modules["keras"].config.backend()
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return None if device.platform == "cpu" else str(device.device_kind)
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    import tensorflow

    devices = tensorflow.config.list_physical_devices("GPU")
    details = tensorflow.config.experimental.get_device_details(devices[0]) if devices else {}
    return details.get("device_name", "GPU") if devices else None


def keep_memory() -> None:
    """Makes this process reuse freed memory instead of returning it; with glibc only.

    Otherwise the intermediate results of every step return to the system and come back as pages
    of zeros: 1.7 GB per step of a small BERT on JAX, a quarter of its time.  All threads share one
    arena, so call this before a backend starts threads.
    """
    if not sys.platform.startswith("linux"):
        return
    change = getattr(ctypes.CDLL(None), "mallopt", None)
    if change is None:  # this C library has no mallopt
        return
    for number, value in MALLOC.values():
        change(number, value)


def set_random_seed(seed: int) -> None:
    """Seeds Python, NumPy and the backend, for new weights and dropout.

    Unlike `keras.utils.set_random_seed` it does not import TensorFlow on other backends, which
    takes two seconds and logs details of its build.
    """
    import keras
    import numpy as np

    name = keras.config.backend()
    if name == "tensorflow":
        keras.utils.set_random_seed(seed)
        return

    random.seed(seed)
    np.random.seed(seed)
    if name == "torch":
        import torch

        torch.manual_seed(seed)


def random_states() -> dict[str, np.ndarray]:
    """Returns the backend's own random states by name, which PyTorch's dropout uses.

    JAX and TensorFlow use Keras's variables, which are saved with the model.
    """
    if sys.modules["keras"].config.backend() != "torch":
        return {}
    import torch

    states = {"random/torch": torch.get_rng_state().numpy()}
    if torch.cuda.is_available():
        states["random/torch-cuda"] = torch.cuda.get_rng_state().numpy()
    return states


def set_random_states(states: Mapping[str, np.ndarray]) -> None:
    """Restores `random_states`; states that are not named are unchanged."""
    if not states:
        return
    import torch

    torch.set_rng_state(torch.from_numpy(states["random/torch"].copy()))
    if "random/torch-cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(torch.from_numpy(states["random/torch-cuda"].copy()))


def _keras_json() -> Path:
    home = os.environ.get("KERAS_HOME")
    return Path(home) / "keras.json" if home else Path.home() / ".keras" / "keras.json"


def _from_keras_json() -> str | None:
    """Returns the backend that the user set in keras.json; None if Keras wrote the file."""
    try:
        config = json.loads(_keras_json().read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict) or config == WRITTEN_BY_KERAS:
        return None
    value = config.get("backend")
    return value if isinstance(value, str) else None


def _installed(name: str) -> bool:
    return name in BACKENDS and importlib.util.find_spec(name) is not None
