"""Keras 3 under the names of Keras 2: `hornbook.compat.keras.layers`, `.models`, `.backend` ...

Everything is Keras 3's own, except what Keras 3 renamed or took away.  Keras itself is unchanged.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import keras

from hornbook.compat.keras import functions as backend
from hornbook.compat.keras import keras2_layers, keras2_models

_CHANGES: dict[str, dict[str, Any]] = {
    "layers": keras2_layers.LAYERS,
    "models": keras2_models.MODELS,
    "losses": {"kullback_leibler_divergence": keras.losses.kl_divergence},
    "utils.np_utils": vars(keras.utils),
    "engine": keras2_layers.LAYERS,
    "engine.topology": keras2_layers.LAYERS,
}
_SAME = (
    *("activations", "applications", "callbacks", "constraints", "datasets", "initializers"),
    *("metrics", "optimizers", "preprocessing", "regularizers", "utils"),
)


def _module(name: str) -> ModuleType:
    """Creates and registers a module with the public names of Keras 3's."""
    module = ModuleType(f"{__name__}.{name}", f"Keras 2's keras.{name}.")
    names = {**vars(getattr(keras, name, ModuleType(name))), **_CHANGES.get(name, {})}
    public = {name: value for name, value in names.items() if not name.startswith("_")}
    module.__dict__.update(public, __path__=[])
    return sys.modules.setdefault(module.__name__, module)


for _name in (*_SAME, *_CHANGES):
    globals()[_name.replace(".", "_")] = _module(_name)
sys.modules[f"{__name__}.backend"] = backend

Layer, Model, Sequential = keras2_layers.Layer, keras2_models.Model, keras2_models.Sequential


def __getattr__(name: str) -> Any:
    return getattr(keras, name)
