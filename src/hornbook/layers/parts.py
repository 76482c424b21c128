"""Layers that belong to another layer and are also called by themselves: a Transformer's heads.

Keras saves and clones the layers of a model one by one, each from its own configuration, so a head
after its Transformer would be created a second time, with weights of its own.  Therefore the
configuration of a part names its owner, and the part is taken from the owner that was rebuilt
before it.
"""

from __future__ import annotations

import threading
import uuid
import weakref
from collections.abc import Iterable
from typing import Any, Self

import keras

from hornbook.layers.matrices.frozen import with_policy

_NAMES: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


class _Rebuilt(threading.local):
    """Rebuilt parts by name, until they are taken; per thread, as two may load the same file."""

    def __init__(self) -> None:
        self.parts: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


_REBUILT = _Rebuilt()


def name_parts(owner: keras.layers.Layer, attributes: Iterable[str]) -> str:
    """Names the parts of a new layer, and returns the ID of the layer.

    Args:
        owner: The layer.
        attributes: Names of attributes, which may be missing or None.
    """
    identity = uuid.uuid4().hex
    for attribute in attributes:
        part = getattr(owner, attribute, None)
        if part is not None:
            _NAMES[part] = f"{identity}.{attribute}"
    return identity


def offer_parts(owner: keras.layers.Layer, attributes: Iterable[str], identity: str) -> None:
    """Registers the parts of a rebuilt layer, which was saved with the ID `identity`."""
    for attribute in attributes:
        part = getattr(owner, attribute, None)
        if part is not None:
            _REBUILT.parts[f"{identity}.{attribute}"] = part


class Part(keras.layers.Layer):
    """A layer that may belong to another one; must be the first base class."""

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "part_of": _NAMES[self]} if self in _NAMES else config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = with_policy(config)
        part = _REBUILT.parts.pop(config.pop("part_of", ""), None)
        return cls.from_own_config(config) if part is None else part

    @classmethod
    def from_own_config(cls, config: dict[str, Any]) -> Self:
        """Creates the layer if it belongs to no other one."""
        return super().from_config(config)


def rebuild_shared(config: dict[str, Any], user: str) -> Any:
    """Returns a layer that another one shares but does not own.

    Args:
        config: From `keras.saving.serialize_keras_object`.
        user: Name of the class that shares it.

    Raises:
        ValueError: its owner was not rebuilt, so its weights are missing.
    """
    name = config["config"].get("part_of")
    if name is not None and name not in _REBUILT.parts:
        raise ValueError(
            f"This {user} shares the {name.rpartition('.')[2]} of a model that is not in the file. "
            "Save both in one model, in which the owner comes first."
        )
    return keras.saving.deserialize_keras_object(config)
