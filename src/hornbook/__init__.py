"""hornbook: clear, fast, practical recipes and Transformers on Keras 3."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hornbook import backend
from hornbook.errors import HornbookError

if TYPE_CHECKING:
    from hornbook import generation, layers, mining, models, recipes
    from hornbook.pretrained import Pretrained, load

__version__ = "0.1.0"  # the only place: pyproject.toml reads it here
__all__ = [
    "HornbookError",
    "Pretrained",
    "__version__",
    "families",
    "generation",
    "layers",
    "load",
    "mining",
    "models",
    "recipes",
]
_SUBMODULES = frozenset({"generation", "layers", "mining", "models", "recipes"})
_FROM_PRETRAINED = frozenset({"Pretrained", "load"})

backend.choose()


def families() -> list[str]:
    """Returns the names of the model families that `load` can open."""
    from hornbook.models.families import FAMILIES

    return list(FAMILIES)


def __getattr__(name: str) -> Any:
    """Imports the names of `__all__` on first use: Keras takes seconds."""
    if name in _SUBMODULES:
        return importlib.import_module(f"hornbook.{name}")
    if name in _FROM_PRETRAINED:
        value = getattr(importlib.import_module("hornbook.pretrained"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'hornbook' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
