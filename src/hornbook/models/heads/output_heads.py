"""What stands on top of a Transformer: layers that checkpoints know by their own names."""

from __future__ import annotations

import keras
from keras import ops

from hornbook.layers.activations import activation
from hornbook.layers.matrices.dense import Dense, TokenEmbedding
from hornbook.models.blocks import norm


@keras.saving.register_keras_serializable("hornbook")
class MaskedLanguageModelHead(keras.layers.Layer):
    """Scores every word of the vocabulary at every position, with the tied token embedding.

    Args:
        token_embedding: A built `TokenEmbedding`; shared, not owned.
        hidden_act: Activation of the transform.
        norm: The `ConditionalLayerNormalization` after it.
        kernel_initializer: Of the transform.
        use_bias: Whether the transform has a bias.
        decoder: The `TokenEmbedding`, where it is the head's own; None where it is shared.

    Call arguments:
        x: `(batch, length, features)`.
        condition: `(batch, condition_size)` or None.

    Returns:
        Logits `(batch, length, vocab_size)`, in float32 also when the rest computes in half
        precision, which is too coarse for a softmax over a vocabulary.
    """

    def __init__(
        self,
        token_embedding,
        *,
        hidden_act,
        norm,
        kernel_initializer,
        use_bias=True,
        decoder=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.decoder = decoder
        # in a tuple, so that Keras does not count the shared weights twice
        self._shared = (token_embedding,)
        features = token_embedding.output_dim
        self.dense = Dense(
            features,
            activation=activation(hidden_act),
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            dtype=self.dtype_policy,
            name="dense",
        )
        self.norm = norm

    def build(self, x_shape):
        if self.decoder is not None:
            self.decoder.build((None, None))
        self.dense.build(x_shape)
        self.norm.build((*x_shape[:-1], self._shared[0].output_dim))
        words = self._shared[0].input_dim
        self.bias = self.add_weight(
            name="bias", shape=(words,), initializer="zeros", autocast=False
        )

    def call(self, x, condition=None):
        x = self.norm(self.dense(x), condition)
        logits = self._shared[0](x, reverse=True)
        return logits + ops.cast(self.bias, logits.dtype)

    def compute_output_shape(self, x_shape, condition_shape=None):
        return (*x_shape[:-1], self._shared[0].input_dim)


@keras.saving.register_keras_serializable("hornbook")
class TiedLanguageModelHead(keras.layers.Layer):
    """Scores every word of the vocabulary with the tied token embedding.

    Args:
        token_embedding: A built `TokenEmbedding`; shared, not owned.
        scale: What its input is multiplied by.
        use_bias: Whether there is a bias for each word.
        decoder: The `TokenEmbedding`, where it is the head's own; None where it is shared.

    Call arguments:
        x: `(batch, length, features)`.
        condition: Not used, the head has no norm.

    Returns:
        Logits `(batch, length, vocab_size)`, in float32.
    """

    def __init__(
        self,
        token_embedding,
        *,
        scale: float = 1.0,
        use_bias: bool = False,
        decoder=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.decoder = decoder
        self._shared = (token_embedding,)
        self.scale = scale
        self.use_bias = use_bias

    def build(self, x_shape):
        if self.decoder is not None:
            self.decoder.build((None, None))
        if self.use_bias:
            words = self._shared[0].input_dim
            self.bias = self.add_weight(
                name="bias", shape=(words,), initializer="zeros", autocast=False
            )

    def call(self, x, condition=None):
        logits = self._shared[0](x if self.scale == 1.0 else x * self.scale, reverse=True)
        return logits + ops.cast(self.bias, logits.dtype) if self.use_bias else logits

    def compute_output_shape(self, x_shape, condition_shape=None):
        return (*x_shape[:-1], self._shared[0].input_dim)


@keras.saving.register_keras_serializable("hornbook")
class UntiedLanguageModelHead(Dense):
    """Scores every word of the vocabulary with a kernel `(features, vocab_size)` of its own.

    Call arguments:
        x: `(batch, length, features)`.
        condition: Not used, the head has no norm.

    Returns:
        Logits `(batch, length, vocab_size)`, in float32.
    """

    def __init__(self, vocab_size: int, *, kernel_initializer, **kwargs):
        super().__init__(
            vocab_size, use_bias=False, kernel_initializer=kernel_initializer, **kwargs
        )

    def call(self, x, condition=None):
        return ops.cast(super().call(x), "float32")

    def compute_output_shape(self, x_shape, condition_shape=None):
        return (*x_shape[:-1], self.units)


@keras.saving.register_keras_serializable("hornbook")
class DiscriminatorHead(keras.layers.Layer):
    """Says of every token whether another model has put it there (ELECTRA).

    Args:
        hidden_act: Activation of the transform.
        kernel_initializer: Of both kernels.

    Call arguments:
        x: `(batch, length, features)`.

    Returns:
        Logits `(batch, length)`, in float32; above 0 for a replaced token.

    Reference: https://arxiv.org/abs/2003.10555
    """

    def __init__(self, *, hidden_act, kernel_initializer, **kwargs):
        super().__init__(**kwargs)
        self.hidden_act = hidden_act
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, x_shape):
        self.dense = self._dense("dense", x_shape[-1], self.hidden_act)
        self.prediction = self._dense("prediction", 1, None)
        self.dense.build(x_shape)
        self.prediction.build(x_shape)

    def _dense(self, name, units, activation_name):
        return Dense(
            units,
            activation=activation(activation_name),
            kernel_initializer=self.kernel_initializer.clone(),  # else equal kernels
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, x):
        return ops.cast(self.prediction(self.dense(x))[..., 0], "float32")

    def compute_output_shape(self, x_shape):
        return x_shape[:-1]


def make_language_head(config, token_embedding, *, kernel_initializer, dtype):
    """The head of `config.language_head`; it is called with the blocks' output.

    Args:
        config: The `TransformerConfig`.
        token_embedding: What the head shares, if it does.
        kernel_initializer: Of a kernel of its own.
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
            config.vocab_size, kernel_initializer=kernel_initializer, dtype=dtype, name="mlm"
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
