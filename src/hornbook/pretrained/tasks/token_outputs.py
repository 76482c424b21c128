"""Outputs of a language head at selected positions of texts.

Logits of every position of a long text would fill the memory, so the language head only gets the
vectors of the selected positions, a few at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hornbook.data.batches import length_buckets, pad, padded_length
from hornbook.errors import OptionError
from hornbook.pretrained.transformer_protocol import TransformerModel

if TYPE_CHECKING:
    import keras

_MAXIMUM_VECTORS = 256  # per call of the head
_MINIMUM_VECTORS = 16


class Row(NamedTuple):
    """One text to read.

    Attributes:
        inputs: Arguments of the model by name, integers of the text's length; for an
            encoder-decoder model also `decoder_token_ids`.
        positions: `(count,)`, indices of the selected vectors.
        targets: `(count,)`, the token to score at each of them.
        condition: `(condition_size,)`, for a model that takes one.
    """

    inputs: Mapping[str, Any]
    positions: np.ndarray
    targets: np.ndarray
    condition: np.ndarray | None = None


class Reader:
    """A model with a language head, compiled for few shapes.

    Args:
        model: A built Transformer or EncoderDecoder.

    Raises:
        OptionError: it has no language head.
    """

    def __init__(self, model: TransformerModel) -> None:
        if model.mlm is None:
            raise OptionError("This model has no language head.  Load it with heads=['mlm'].")
        self.model = model
        learned = model.config.position_kind == "learned"  # padding needs positions too
        self._longest = model.config.max_length if learned else None
        self._compiled: dict[str, keras.Model] = {}

    def likelihoods(
        self, rows: Sequence[Row], *, batch_tokens: int = 4096
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Computes the log-probabilities of the targets; rows of similar length are batched.

        Yields:
            The index of a row, and `(count,)` float32: the log-probabilities of its targets.
        """
        lengths = [max(len(ids) for ids in row.inputs.values()) for row in rows]
        for indices in length_buckets(lengths, batch_tokens=batch_tokens, shuffle=False):
            batch = [rows[index] for index in indices]
            targets = np.concatenate([row.targets for row in batch])
            values = self._outputs("likelihood", batch, token_ids=targets[:, None])[:, 0]
            ends = np.cumsum([len(row.targets) for row in batch])
            yield from zip(indices.tolist(), np.split(values, ends[:-1]), strict=True)

    def logits(self, rows: Sequence[Row], *, batch_tokens: int = 4096) -> np.ndarray:
        """Returns the logits at the positions of all rows, `(total count, vocabulary)`."""
        count = max(1, batch_tokens // max(len(row.inputs["token_ids"]) for row in rows))
        batches = (rows[first : first + count] for first in range(0, len(rows), count))
        return np.concatenate([self._outputs("logits", batch)[:, 0] for batch in batches])

    def _outputs(self, kind: str, rows: Sequence[Row], **others: np.ndarray) -> np.ndarray:
        """Returns a head's outputs for the vectors at all rows' positions, concatenated."""
        hidden = self._layers().predict_on_batch(_batch(rows, self._longest))
        vectors = np.concatenate([hidden[i][row.positions] for i, row in enumerate(rows)])
        inputs = {"vectors": vectors[:, None], **others}
        if rows[0].condition is not None:
            inputs["condition"] = np.array([row.condition for row in rows for _ in row.positions])
        outputs = []
        for first in range(0, len(vectors), _MAXIMUM_VECTORS):
            part = {name: array[first : first + _MAXIMUM_VECTORS] for name, array in inputs.items()}
            count = len(part["vectors"])
            # few shapes, few compilations
            size = max(_MINIMUM_VECTORS, 1 << (count - 1).bit_length())
            part = {name: _repeated_to(array, size) for name, array in part.items()}
            outputs.append(self._head(kind).predict_on_batch(part)[:count])
        return np.concatenate(outputs)

    def _layers(self) -> keras.Model:
        """Returns a Keras model from ids to hidden vectors."""
        import keras

        if "layers" not in self._compiled:
            config = self.model.config
            names = ["token_ids", "padding_mask"]
            if config.application == "seq2seq":
                names += ["decoder_token_ids", "decoder_padding_mask"]
            else:
                names += ["segment_ids"]
            inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
            inputs |= self._condition_input()
            x = keras.ops.cast(self.model(**inputs), "float32")
            self._compiled["layers"] = keras.Model(inputs, x)
        return self._compiled["layers"]

    def _head(self, kind: str) -> keras.Model:
        """Returns a Keras model from single vectors to logits, or to a token's log-probability."""
        import keras
        from keras import ops

        if kind not in self._compiled:
            inputs = {"vectors": keras.Input((1, self.model.config.hidden_size), name="vectors")}
            inputs |= self._condition_input()
            x = ops.cast(inputs["vectors"], self.model.compute_dtype)
            x = ops.cast(self.model.mlm(x, inputs.get("condition")), "float32")
            if kind == "likelihood":
                inputs["token_ids"] = keras.Input((1,), dtype="int32", name="token_ids")
                logit = ops.take_along_axis(x, inputs["token_ids"][..., None], axis=-1)
                x = logit[..., 0] - ops.logsumexp(x, axis=-1)
            self._compiled[kind] = keras.Model(inputs, x)
        return self._compiled[kind]

    def _condition_input(self) -> dict[str, Any]:
        import keras

        size = self.model.config.condition_size
        return {} if size is None else {"condition": keras.Input((size,), name="condition")}


def _batch(rows: Sequence[Row], longest: int | None) -> dict[str, np.ndarray]:
    """Pads rows at the end, and their number to a power of two, so that few shapes are compiled.

    Args:
        rows: The rows of the batch.
        longest: Positions of the model; None if unlimited.
    """
    count = 1 << (len(rows) - 1).bit_length()
    batch: dict[str, np.ndarray] = {}
    for name in rows[0].inputs:
        sequences = [row.inputs[name] for row in rows]
        length = padded_length(max(map(len, sequences)))
        length = length if longest is None else min(length, longest)
        batch[name] = pad(sequences, length)
        if name.endswith("token_ids"):
            mask = name.replace("token_ids", "padding_mask")
            batch[mask] = pad([[1] * len(sequence) for sequence in sequences], length)
    if rows[0].condition is not None:
        batch["condition"] = np.array([row.condition for row in rows])
    return {name: _repeated_to(array, count) for name, array in batch.items()}


def _repeated_to(array: np.ndarray, rows: int) -> np.ndarray:
    """Appends copies of the first row until there are `rows`."""
    return np.concatenate([array, np.repeat(array[:1], rows - len(array), axis=0)])
