"""Layers that are saved by the arguments of their constructor, whatever they inherit."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from hornbook.compat.keras.keras2_layers import HasOutputs


class Recorded(HasOutputs):
    """A layer whose configuration are the constructor arguments; the first base class."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        layer = super().__new__(cls, *args, **kwargs)
        arguments = dict(inspect.signature(cls.__init__).bind(layer, *args, **kwargs).arguments)
        arguments.pop("self")
        layer.__dict__["arguments"] = arguments | arguments.pop("kwargs", {})
        return layer

    def get_config(self) -> dict[str, Any]:
        own = {
            name: keras.saving.serialize_keras_object(value)
            for name, value in self.arguments.items()
        }
        return {**keras.layers.Layer.get_config(self), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        values = keras.saving.deserialize_keras_object
        return cls(**{k: values(v) if isinstance(v, dict) else v for k, v in config.items()})
