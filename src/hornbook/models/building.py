"""Creates the model that a configuration describes."""

from __future__ import annotations

from typing import Any

from hornbook.models.configuration.transformer_config import TransformerConfig


def make_model(config: TransformerConfig, **options: Any) -> Any:
    """Creates a `Transformer`, or an `EncoderDecoder` if `config.encoder_decoder`; it is not built.

    Args:
        config: The configuration.
        options: Keras's arguments of a layer: `dtype`, `name`.
    """
    from hornbook.models.encoder_decoder import EncoderDecoder
    from hornbook.models.transformer import Transformer

    return (EncoderDecoder if config.encoder_decoder else Transformer)(config, **options)
