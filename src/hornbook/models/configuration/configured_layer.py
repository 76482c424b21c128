"""Layers with a `TransformerConfig`, which Keras can save and rebuild."""

from __future__ import annotations

from typing import Any, Self

import keras

from hornbook.layers.matrices.frozen import with_policy
from hornbook.models.configuration.transformer_config import TransformerConfig


class ConfiguredLayer(keras.layers.Layer):
    """A layer whose first argument is a `TransformerConfig`, its attribute `config`."""

    def __init__(self, config: TransformerConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.supports_masking = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "config": self.config.to_dict()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = with_policy(config)
        return cls(TransformerConfig.from_dict(config.pop("config")), **config)
