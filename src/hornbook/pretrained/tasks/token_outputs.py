"""What a model says of tokens it reads: vectors at some places, and words for these alone.

Logits of every place of a long text would fill the memory, so the language head gets only the
vectors that are asked about, a few at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hornbook.data.batches import length_buckets, pad, padded_length
from hornbook.errors import OptionError

_VECTORS = 256  # that the head gets at a time, at most
_FEWEST = 16


class Row(NamedTuple):
    """One text to read.

    Attributes:
        inputs: What the model is called with, integers of the text's length by name; of two
            stacks also `decoder_token_ids`.
        places: `(asked,)`, whose vectors are wanted.
        targets: `(asked,)`, the tokens that these are asked about.
        condition: `(condition_size,)`, where the model listens to one.
    """

    inputs: Mapping[str, Any]
    places: np.ndarray
    targets: np.ndarray
    condition: np.ndarray | None = None


class Reader:
    """A model with a language head, compiled for few shapes.

    Args:
        model: A built Transformer or EncoderDecoder.

    Raises:
        OptionError: it has no language head.
    """

    def __init__(self, model: Any):
        if model.mlm is None:
            raise OptionError("This model has no head for words.  Load it with heads=['mlm'].")
        self.model = model
        learned = model.config.position_kind == "learned"  # padding needs positions too
        self._longest = model.config.max_length if learned else None
        self._compiled: dict[str, Any] = {}

    def likelihoods(
        self, rows: Sequence[Row], *, batch_tokens: int = 4096
    ) -> Iterator[tuple[int, np.ndarray]]:
        """How likely the model finds the targets.

        Rows of like length are read together.

        Yields:
            The number of a row, and `(asked,)` float32: the log-probabilities of its targets.
        """
        lengths = [max(len(ids) for ids in row.inputs.values()) for row in rows]
        for numbers in length_buckets(lengths, batch_tokens=batch_tokens, shuffle=False):
            chosen = [rows[number] for number in numbers]
            targets = np.concatenate([row.targets for row in chosen])
            found = self._words("likelihood", chosen, token_ids=targets[:, None])[:, 0]
            ends = np.cumsum([len(row.targets) for row in chosen])
            yield from zip(numbers.tolist(), np.split(found, ends[:-1]), strict=True)

    def logits(self, rows: Sequence[Row], *, batch_tokens: int = 4096) -> np.ndarray:
        """What the language head says of the places of all rows, `(asked of all, vocabulary)`."""
        count = max(1, batch_tokens // max(len(row.inputs["token_ids"]) for row in rows))
        batches = (rows[first : first + count] for first in range(0, len(rows), count))
        return np.concatenate([self._words("logits", batch)[:, 0] for batch in batches])

    def _words(self, kind: str, rows: Sequence[Row], **others: np.ndarray) -> np.ndarray:
        """What a head makes of the vectors of all rows' places, one after the other."""
        hidden = self._layers().predict_on_batch(_batch(rows, self._longest))
        vectors = np.concatenate([hidden[i][row.places] for i, row in enumerate(rows)])
        inputs = {"vectors": vectors[:, None], **others}
        if rows[0].condition is not None:
            heard = [row.condition for row in rows for _ in row.places]
            inputs["condition"] = np.array(heard)
        found = []
        for first in range(0, len(vectors), _VECTORS):
            part = {name: array[first : first + _VECTORS] for name, array in inputs.items()}
            count = len(part["vectors"])
            # few shapes, few compilations
            size = max(_FEWEST, 1 << (count - 1).bit_length())
            part = {name: _filled(array, size) for name, array in part.items()}
            found.append(self._head(kind).predict_on_batch(part)[:count])
        return np.concatenate(found)

    def _layers(self) -> Any:
        """A Keras model from ids to hidden vectors."""
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

    def _head(self, kind: str) -> Any:
        """A Keras model from single vectors to logits, or to the likelihood of a token."""
        import keras
        from keras import ops

        if kind not in self._compiled:
            inputs = {"vectors": keras.Input((1, self.model.config.hidden_size), name="vectors")}
            inputs |= self._condition_input()
            x = ops.cast(inputs["vectors"], self.model.compute_dtype)
            x = ops.cast(self.model.mlm(x, inputs.get("condition")), "float32")
            if kind == "likelihood":
                inputs["token_ids"] = keras.Input((1,), dtype="int32", name="token_ids")
                chosen = ops.take_along_axis(x, inputs["token_ids"][..., None], axis=-1)
                x = chosen[..., 0] - ops.logsumexp(x, axis=-1)
            self._compiled[kind] = keras.Model(inputs, x)
        return self._compiled[kind]

    def _condition_input(self) -> dict[str, Any]:
        import keras

        size = self.model.config.condition_size
        return {} if size is None else {"condition": keras.Input((size,), name="condition")}


def _batch(rows: Sequence[Row], longest: int | None) -> dict[str, np.ndarray]:
    """Padded behind; as many rows as a power of two, so that few shapes are compiled.

    Args:
        rows: To read together.
        longest: Tokens that the model has positions for; None: no last one.
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
    return {name: _filled(array, count) for name, array in batch.items()}


def _filled(array: np.ndarray, rows: int) -> np.ndarray:
    """With copies of the first row behind, until there are so many."""
    return np.concatenate([array, np.repeat(array[:1], rows - len(array), axis=0)])
