"""What stands on top of a Transformer: layers that checkpoints know by their own names."""

from __future__ import annotations

import keras
from keras import ops

from hornbook.layers import ConditionalLayerNormalization
from hornbook.layers.activations import activation


@keras.saving.register_keras_serializable("hornbook")
class MaskedLanguageModelHead(keras.layers.Layer):
    """Scores every word of the vocabulary at every position, with the tied token embedding.

    Args:
        token_embedding: A built `keras.layers.ReversibleEmbedding`; shared, not owned.
        hidden_act: Activation of the transform.
        epsilon: Of the norm.
        condition_size: See `ConditionalLayerNormalization`.

    Call arguments:
        x: `(batch, length, features)`.
        condition: `(batch, condition_size)` or None.

    Returns:
        Logits `(batch, length, vocab_size)`, in float32 also when the rest computes in half
        precision, which is too coarse for a softmax over a vocabulary.
    """

    def __init__(
        self, token_embedding, *, hidden_act, epsilon, kernel_initializer, condition_size, **kwargs
    ):
        super().__init__(**kwargs)
        # in a tuple, so that Keras does not count the shared weights twice
        self._shared = (token_embedding,)
        features = token_embedding.output_dim
        self.dense = keras.layers.Dense(
            features,
            activation=activation(hidden_act),
            kernel_initializer=kernel_initializer,
            dtype=self.dtype_policy,
            name="dense",
        )
        self.norm = ConditionalLayerNormalization(
            epsilon=epsilon, condition_size=condition_size, dtype=self.dtype_policy, name="norm"
        )

    def build(self, x_shape):
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
    """Scores every word of the vocabulary with the tied token embedding and nothing else.

    Args:
        token_embedding: A built `keras.layers.ReversibleEmbedding`; shared, not owned.

    Call arguments:
        x: `(batch, length, features)`.
        condition: Not used, the head has no norm.

    Returns:
        Logits `(batch, length, vocab_size)`, in float32.
    """

    def __init__(self, token_embedding, **kwargs):
        super().__init__(**kwargs)
        self._shared = (token_embedding,)

    def call(self, x, condition=None):
        return self._shared[0](x, reverse=True)

    def compute_output_shape(self, x_shape, condition_shape=None):
        return (*x_shape[:-1], self._shared[0].input_dim)


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
        return keras.layers.Dense(
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
