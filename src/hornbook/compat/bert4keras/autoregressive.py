"""`AutoRegressiveDecoder`: beam search and sampling with a `predict` of the user.

Draws and ties are those of bert4keras, so the same NumPy seed gives the same answer.  Corrections:
beam search keeps finished beams (bert4keras dropped one that was not the best of its step, and
returned a worse answer later); arrays in `states` with a row per beam follow the beams; `topk` may
exceed the vocabulary; what `predict` returns is not modified.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from hornbook.generation.strategies.from_function import sample_sequences, search_beams
from hornbook.models.decoding.last_token import LastToken


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    exponentials = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=axis, keepdims=True))


class AutoRegressiveDecoder:
    """Generates ids with `predict`, which subclasses define and decorate with `wraps`.

    Args:
        start_id: The first id; None to start without.
        end_id: The id that ends a sequence.
        maxlen: Maximum number of generated ids.
        minlen: Length, start included, from which an end id ends a sequence.
    """

    def __init__(self, start_id: int | None, end_id: int | None, maxlen: int, minlen: int = 1):
        self.start_id, self.end_id = start_id, end_id
        self.maxlen, self.minlen = maxlen, minlen
        self.models: dict[Any, LastToken] = {}
        self.first_output_ids = np.array([[] if start_id is None else [start_id]], dtype=int)

    @staticmethod
    def wraps(default_rtype: str = "probas", use_states: bool = False) -> Callable[[Any], Any]:
        """A decorator of `predict`, which adds temperature, states and log-probabilities.

        Args:
            default_rtype: What `predict` returns: "probas" or "logits".
            use_states: Whether it returns `(prediction, states)`.
        """

        def decorator(predict: Any) -> Any:
            @functools.wraps(predict)
            def complete(
                self: Any,
                inputs: Any,
                output_ids: Any,
                states: Any,
                temperature: float = 1,
                rtype: str = default_rtype,
            ) -> tuple[np.ndarray, Any]:
                if rtype not in ("probas", "logits"):
                    raise ValueError(f'Unknown rtype {rtype!r}: expected "probas" or "logits".')
                prediction = predict(self, inputs, output_ids, states)
                prediction, states = prediction if use_states else (prediction, None)
                probas = keras.ops.convert_to_numpy(prediction)
                if default_rtype == "logits":
                    probas = softmax(probas / temperature)
                elif temperature != 1:
                    probas = np.power(probas, 1.0 / temperature)
                    probas = probas / probas.sum(axis=-1, keepdims=True)
                return (probas if rtype == "probas" else np.log(probas + 1e-12)), states

            return complete

        return decorator

    def last_token(self, model: Any) -> LastToken:
        """Returns the model with its outputs at the last position only."""
        if model not in self.models:
            self.models[model] = LastToken(model)
        return self.models[model]

    def predict(self, inputs: Any, output_ids: Any, states: Any = None) -> Any:
        """Returns probabilities or logits `(beams, vocabulary)` of the next id.

        Args:
            inputs: The inputs, each `(beams, ...)`.
            output_ids: The ids until now, `(beams, length)`.
            states: What the last call returned, at first the argument of the caller.
        """
        raise NotImplementedError

    def _options(self, temperature: float, rtype: str, min_ends: int) -> dict[str, Any]:
        def predict(inputs: Any, output_ids: np.ndarray, states: Any) -> Any:
            return self.predict(inputs, output_ids, states, temperature, rtype)  # type: ignore[call-arg]

        def ended(output_ids: np.ndarray) -> Any:
            ends = np.asarray(output_ids == self.end_id)
            long_enough = output_ids.shape[1] >= self.minlen
            return long_enough & ends[:, -1] & (ends.sum(axis=1) >= min_ends)

        return {"predict": predict, "ended": ended, "select": _selected, "steps": self.maxlen}

    def beam_search(
        self,
        inputs: Sequence[Any],
        topk: int,
        states: Any = None,
        temperature: float = 1,
        min_ends: int = 1,
    ) -> np.ndarray:
        """Returns the ids of the most probable sequence, ended by the `min_ends`-th end id."""
        options = self._options(temperature, "logits", min_ends)
        first = self.first_output_ids
        return search_beams(inputs=inputs, output_ids=first, topk=topk, states=states, **options)

    def random_sample(
        self,
        inputs: Sequence[Any],
        n: int,
        topk: int | None = None,
        topp: float | None = None,
        states: Any = None,
        temperature: float = 1,
        min_ends: int = 1,
    ) -> list[np.ndarray]:
        """Returns `n` random sequences of ids, in the order in which they are finished."""
        options = self._options(temperature, "probas", min_ends)
        first = self.first_output_ids
        return sample_sequences(
            inputs=inputs, output_ids=first, n=n, topk=topk, topp=topp, states=states, **options
        )


def _selected(values: Any, rows: np.ndarray, beams: int) -> Any:
    """Returns the rows of all arrays that have one per beam."""

    def select(value: Any) -> Any:
        if not getattr(value, "shape", ()) or value.shape[0] != beams:
            return value
        return value[rows] if isinstance(value, np.ndarray) else keras.ops.take(value, rows, axis=0)

    return keras.tree.map_structure(select, values)
