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
        self.norm.build(x_shape)
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
