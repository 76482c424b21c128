"""What `pretrained` needs of a model: a `Transformer`, an `EncoderDecoder`, or one of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from hornbook.models.configuration.transformer_config import TransformerConfig


class TransformerModel(Protocol):
    """A Keras layer from token ids to one vector per token, with its configuration and heads.

    Attributes:
        config: The configuration.
        mlm: The language head; None without one.
        pooler: The pooling head; None without one.
    """

    config: TransformerConfig
    built: bool
    mlm: Any
    pooler: Any

    @property
    def compute_dtype(self) -> str: ...

    @property
    def variable_dtype(self) -> str: ...

    def build(self) -> None: ...

    def __call__(self, *inputs: Any, **options: Any) -> Any: ...

    def pool(self, x: Any) -> Any:
        """Returns the pooled first vector of each text, `(batch, hidden_size)`."""
        ...

    def task_logits(self, head: str, x: Any, padding_mask: Any = None) -> Any:
        """Returns the logits of a task head: `(batch, labels)`, or per token."""
        ...


class EncoderDecoderModel(TransformerModel, Protocol):
    """A model with an encoder and a decoder of its own."""

    encoder: TransformerModel
    decoder: TransformerModel | None


def encoder_of(model: TransformerModel) -> TransformerModel:
    """Returns the encoder of an encoder-decoder model, and any other model itself."""
    if model.config.encoder_decoder:
        return cast(EncoderDecoderModel, model).encoder
    return model
