"""One vector per text: what `Pretrained.encode` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hornbook.data.batches import length_buckets, pad, padded_length
from hornbook.errors import OptionError, did_you_mean
from hornbook.pretrained.tasks.inputs import TokenRow
from hornbook.pretrained.transformer_protocol import TransformerModel, encoder_of

if TYPE_CHECKING:
    import keras

POOLINGS = ("mean", "first", "pooler")


class TextEncoder:
    """A model with poolings, each compiled once.

    Args:
        model: A built Transformer or EncoderDecoder.
    """

    def __init__(self, model: TransformerModel) -> None:
        self._model = model
        self._compiled: dict[str, keras.Model] = {}

    def check(self, pooling: str) -> None:
        """Checks that the model can pool in this way.

        Raises:
            OptionError: the pooling is unknown, the model has no pooler, or needs a condition.
        """
        if pooling not in POOLINGS:
            raise OptionError(f"Unknown pooling {pooling!r}. {did_you_mean(pooling, POOLINGS)}")
        if self._model.config.condition_size is not None:
            raise OptionError(
                "Every norm of this model takes a condition, which encode() does not have.\n"
                "Call the model itself, with condition=..., or load it without condition_size."
            )
        if pooling == "pooler" and self._model.pooler is None:
            raise OptionError("This model has no pooler.  Load it with heads=['pooler'].")

    def vectors(
        self, rows: Sequence[TokenRow], pooling: str, *, limit: int, batch_tokens: int
    ) -> np.ndarray:
        """Returns `(rows, hidden_size)` float32.

        Args:
            rows: Token ids and segment ids of each text.
            pooling: One of `POOLINGS`.
            limit: Maximum length, including padding.
            batch_tokens: Maximum number of tokens per batch, including padding.
        """
        lengths = [len(row.token_ids) for row in rows]
        vectors = np.empty((len(rows), self._model.config.hidden_size), "float32")
        for indices in length_buckets(lengths, batch_tokens=batch_tokens, shuffle=False):
            length = min(padded_length(max(lengths[index] for index in indices)), limit)
            batch = [rows[index] for index in indices]
            # few shapes, few compilations: a batch is full or has a power of two rows
            power = 2 ** (len(batch) - 1).bit_length()
            count = max(len(batch), min(power, batch_tokens // length))
            batch += [batch[0]] * (count - len(batch))
            outputs = self._pooled(pooling).predict_on_batch(padded_inputs(batch, length))
            vectors[indices] = outputs[: len(indices)]
        return vectors

    def _pooled(self, pooling: str) -> keras.Model:
        """Returns a Keras model from ids to one vector per text."""
        import keras

        from hornbook.layers import MaskedAveragePooling

        if pooling not in self._compiled:
            inputs = token_inputs()
            x = encoder_of(self._model)(**inputs)
            if pooling == "mean":
                x = MaskedAveragePooling()(x, inputs["padding_mask"])
            else:
                x = self._model.pool(x) if pooling == "pooler" else x[:, 0]
            self._compiled[pooling] = keras.Model(inputs, keras.ops.cast(x, "float32"))
        return self._compiled[pooling]


def token_inputs() -> dict[str, keras.KerasTensor]:
    """Returns the symbolic inputs of an encoder: ids, segments and mask, `(batch, length)`."""
    import keras

    names = ("token_ids", "segment_ids", "padding_mask")
    return {name: keras.Input((None,), dtype="int32", name=name) for name in names}


def padded_inputs(rows: Sequence[TokenRow], length: int) -> dict[str, np.ndarray]:
    """Returns the arrays of a batch for `token_inputs`, each `(rows, length)` int32."""
    return {
        "token_ids": pad([row.token_ids for row in rows], length),
        "segment_ids": pad([row.segment_ids for row in rows], length),
        "padding_mask": pad([[1] * len(row.token_ids) for row in rows], length),
    }
