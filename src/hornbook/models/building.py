"""From a configuration to the model it describes."""

from __future__ import annotations

from typing import Any

from hornbook.models.configuration.transformer_config import TransformerConfig


def make_model(config: TransformerConfig, **options: Any) -> Any:
    """Makes a `Transformer`, or an `EncoderDecoder` if the configuration says so; not built.

    Args:
        config: What to make.
        options: Keras's own for a layer: `dtype`, `name`.
    """
    from hornbook.models.encoder_decoder import EncoderDecoder
    from hornbook.models.transformer import Transformer

    return (EncoderDecoder if config.encoder_decoder else Transformer)(config, **options)
