"""The heads of pretraining: language model and discriminator."""

from __future__ import annotations

from typing import Any, Self

import keras
from keras import ops

from hornbook.layers.activations import activation
from hornbook.layers.matrices.dense import Dense, TokenEmbedding
from hornbook.layers.normalization import ConditionalLayerNormalization
from hornbook.layers.parts import Part, rebuild_shared
from hornbook.layers.tensors import Initializer, Policy, Shape, Tensor
from hornbook.models.blocks import norm
from hornbook.models.configuration.transformer_config import TransformerConfig


class _TableHead(Part):
    """A head that scores tokens with an embedding: the Transformer's, or its own `decoder`."""

    def __init__(
        self, token_embedding: TokenEmbedding, decoder: TokenEmbedding | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.decoder = decoder
        # in a tuple, so that Keras does not count the shared weights twice
        self._shared = (token_embedding,)

    def get_config(self) -> dict[str, Any]:
        table = keras.saving.serialize_keras_object(self._shared[0])
        own = self.decoder is not None
        return {
            **super().get_config(),
            "token_embedding": None if own else table,
            "decoder": table if own else None,
        }

    @classmethod
    def from_own_config(cls, config: dict[str, Any]) -> Self:
        if config["decoder"] is None:
            table, decoder = rebuild_shared(config["token_embedding"], cls.__name__), None
        else:
            table = decoder = keras.saving.deserialize_keras_object(config["decoder"])
        return cls(**{**config, "token_embedding": table, "decoder": decoder})

    def compute_output_spec(self, x: Tensor, condition: Tensor = None) -> keras.KerasTensor:
        return keras.KerasTensor((*x.shape[:-1], self._shared[0].input_dim), "float32")


@keras.saving.register_keras_serializable("hornbook")
class MaskedLanguageModelHead(_TableHead):
    """Scores every token of the vocabulary: a dense layer, a norm, and the tied token embedding.

    Args:
        token_embedding: A built `TokenEmbedding`; shared, not owned.
        hidden_act: Activation of the dense layer.
        norm: The `ConditionalLayerNormalization` after it.
        kernel_initializer: Initializer of the dense layer.
        use_bias: Whether the dense layer has a bias.
        decoder: The same `TokenEmbedding` if it is the head's own; None if it is shared.

    Call arguments:
        x: `(batch, length, features)`.
        condition: `(batch, condition_size)` or None.

    Returns:
        Logits `(batch, length, vocab_size)`, in float32 even if the rest computes in half
        precision, which is too coarse for a softmax over a vocabulary.
    """

    def __init__(
        self,
        token_embedding: TokenEmbedding,
        *,
        hidden_act: str,
        norm: ConditionalLayerNormalization,
        kernel_initializer: Initializer,
        use_bias: bool | str = True,
        decoder: TokenEmbedding | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(token_embedding, decoder, **kwargs)
        self.hidden_act = hidden_act
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.dense = Dense(
            token_embedding.output_dim,
            activation=activation(hidden_act),
            use_bias=use_bias,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name="dense",
        )
        self.norm = norm

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_act": self.hidden_act,
            "norm": keras.saving.serialize_keras_object(self.norm),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "use_bias": self.use_bias,
        }

    @classmethod
    def from_own_config(cls, config: dict[str, Any]) -> Self:
        norm = keras.saving.deserialize_keras_object(config["norm"])
        return super().from_own_config({**config, "norm": norm})

    def build(self, x_shape: Shape) -> None:
        if self.decoder is not None and not self.decoder.built:
            self.decoder.build((None, None))
        self.dense.build(x_shape)
        if not self.norm.built:  # a deserialized norm is built already
            self.norm.build((*x_shape[:-1], self._shared[0].output_dim))
        vocab_size = self._shared[0].input_dim
        self.bias = self.add_weight(
            name="bias", shape=(vocab_size,), initializer="zeros", autocast=False
        )

    def call(self, x: Tensor, condition: Tensor = None) -> Tensor:
        x = self.norm(self.dense(x), condition)
        logits = self._shared[0](x, reverse=True)
        return logits + ops.cast(self.bias, logits.dtype)


@keras.saving.register_keras_serializable("hornbook")
class TiedLanguageModelHead(_TableHead):
    """Scores every token of the vocabulary with the tied token embedding.

    Args:
        token_embedding: A built `TokenEmbedding`; shared, not owned.
        scale: Factor of the input.
        use_bias: Whether there is a bias per token.
        decoder: The same `TokenEmbedding` if it is the head's own; None if it is shared.

    Call arguments:
        x: `(batch, length, features)`.
        condition: Not used: the head has no norm.

    Returns:
        Logits `(batch, length, vocab_size)`, in float32.
    """

    def __init__(
        self,
        token_embedding: TokenEmbedding,
        *,
        scale: float = 1.0,
        use_bias: bool = False,
        decoder: TokenEmbedding | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(token_embedding, decoder, **kwargs)
        self.scale = scale
        self.use_bias = use_bias

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "use_bias": self.use_bias}

    def build(self, x_shape: Shape) -> None:
        if self.decoder is not None and not self.decoder.built:
            self.decoder.build((None, None))
        if self.use_bias:
            vocab_size = self._shared[0].input_dim
            self.bias = self.add_weight(
                name="bias", shape=(vocab_size,), initializer="zeros", autocast=False
            )

    def call(self, x: Tensor, condition: Tensor = None) -> Tensor:
        logits = self._shared[0](x if self.scale == 1.0 else x * self.scale, reverse=True)
        return logits + ops.cast(self.bias, logits.dtype) if self.use_bias else logits


@keras.saving.register_keras_serializable("hornbook")
class UntiedLanguageModelHead(Dense):
    """Scores every token of the vocabulary with a kernel `(features, vocab_size)` of its own.

    Call arguments:
        x: `(batch, length, features)`.
        condition: Not used: the head has no norm.

    Returns:
        Logits `(batch, length, vocab_size)`, in float32.
    """

    def call(self, x: Tensor, condition: Tensor = None) -> Tensor:
        return ops.cast(super().call(x), "float32")

    def compute_output_spec(self, x: Tensor, condition: Tensor = None) -> keras.KerasTensor:
        return keras.KerasTensor((*x.shape[:-1], self.units), "float32")


@keras.saving.register_keras_serializable("hornbook")
class DiscriminatorHead(Part):
    """Predicts for every token whether a generator replaced it (ELECTRA).

    Args:
        hidden_act: Activation of the hidden layer.
        kernel_initializer: Initializer of both kernels.

    Call arguments:
        x: `(batch, length, features)`.

    Returns:
        Logits `(batch, length)`, in float32; above 0 for a replaced token.

    Reference: https://arxiv.org/abs/2003.10555
    """

    def __init__(
        self,
        hidden_act: str,
        *,
        kernel_initializer: Initializer = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.hidden_act = hidden_act
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_act": self.hidden_act,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }

    def build(self, x_shape: Shape) -> None:
        self.dense = self._dense("dense", x_shape[-1], self.hidden_act)
        self.prediction = self._dense("prediction", 1, None)
        self.dense.build(x_shape)
        self.prediction.build(x_shape)

    def _dense(self, name: str, units: int, activation_name: str | None) -> Dense:
        return Dense(
            units,
            activation=activation(activation_name),
            kernel_initializer=self.kernel_initializer.clone(),  # or the kernels would be equal
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, x: Tensor) -> Tensor:
        return ops.cast(self.prediction(self.dense(x))[..., 0], "float32")

    def compute_output_spec(self, x: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor(x.shape[:-1], "float32")


def make_language_head(
    config: TransformerConfig,
    token_embedding: TokenEmbedding,
    *,
    kernel_initializer: Initializer,
    dtype: Policy,
) -> Tensor:
    """Creates the head of `config.language_head`, which is called with the output of the blocks.

    Args:
        config: The `TransformerConfig`.
        token_embedding: The Transformer's token embedding, which the head may share.
        kernel_initializer: Initializer of a kernel of its own.
        dtype: Keras's data type policy.
    """
    own = None
    if not config.tie_word_embeddings and config.language_head != "untied":
        own = token_embedding = TokenEmbedding(
            config.vocab_size,
            token_embedding.output_dim,
            embeddings_initializer=kernel_initializer,
            dtype=dtype,
            name="decoder",
        )
    if config.language_head == "untied":
        return UntiedLanguageModelHead(
            config.vocab_size,
            use_bias=False,
            kernel_initializer=kernel_initializer,
            dtype=dtype,
            name="mlm",
        )
    if config.language_head == "tied":
        return TiedLanguageModelHead(
            token_embedding,
            decoder=own,
            scale=config.hidden_size**-0.5 if config.language_head_scale else 1.0,
            use_bias=config.language_head_bias,
            dtype=dtype,
            name="mlm",
        )
    return MaskedLanguageModelHead(
        token_embedding,
        decoder=own,
        hidden_act=config.language_head_act or config.hidden_act,
        norm=norm(config, dtype, "norm"),
        kernel_initializer=kernel_initializer,
        use_bias=config.use_bias is True,
        dtype=dtype,
        name="mlm",
    )
