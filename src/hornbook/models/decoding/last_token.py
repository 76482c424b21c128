"""A functional model at the last position of its texts, without a compilation per length."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from hornbook.data.batches import padded_length

_ROWS = 32  # per call, as in Keras's predict


class LastToken:
    """A model with its outputs at the last position only.

    On JAX, which compiles each shape, texts and beams are padded to a few lengths and numbers of
    beams.  The model must not see the padding, so the first call that pads also computes without,
    and a model that answers differently is never padded.  Neither is a text that then is too long
    for the model.

    Args:
        model: A functional model with outputs `(batch, length, ...)`.  Its inputs `(batch, None)`
            are ids; the last of them has the length of the outputs.
    """

    def __init__(self, model: Any) -> None:
        index = keras.Input((), dtype="int32")
        at_index = [keras.ops.take(output, index[0], axis=1) for output in model.outputs]
        self._exact = keras.Model(model.inputs, [output[:, -1] for output in model.outputs])
        self._at_index = keras.Model([*model.inputs, index], at_index)
        shapes = enumerate(one.shape for one in model.inputs)
        self._ids = [i for i, shape in shapes if len(shape) == 2 and shape[1] is None]
        self._pads: bool | None = None if self._ids and keras.backend.backend() == "jax" else False

    def predict(self, inputs: Any, **_: Any) -> Any:
        """Returns `(batch, ...)`, or a list of them if the model has several outputs."""
        several = isinstance(inputs, list | tuple)
        arrays = [np.asarray(one) for one in (inputs if several else [inputs])]
        padded = self._padded(arrays) if self._pads is not False else []
        outputs = padded
        if not (self._pads and padded):
            outputs = _in_parts(self._exact, arrays)
            if self._pads is None and padded:
                self._pads = all(map(_agree, padded, outputs))
        return outputs[0] if len(outputs) == 1 else outputs

    def _padded(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Returns the outputs computed with padding; none if they cannot be, or prove nothing."""
        rows, padded = len(arrays[0]), list(arrays)
        length = arrays[self._ids[-1]].shape[1]
        for place in self._ids:
            size = arrays[place].shape[1]
            padded[place] = np.pad(arrays[place], [(0, 0), (0, padded_length(size) - size)])
        if self._pads is None and padded[self._ids[-1]].shape[1] == length:
            return []
        repeated = np.minimum(np.arange(1 << (rows - 1).bit_length()), rows - 1)
        padded = [one[repeated] for one in padded]
        index = np.full(len(repeated), length - 1, "int32")
        try:
            outputs = [output[:rows] for output in _in_parts(self._at_index, [*padded, index])]
        except Exception:  # of any kind: fewer positions than padding; else it is raised again
            return []
        return [] if any(np.isnan(output).any() for output in outputs) else outputs


def _in_parts(model: Any, arrays: list[np.ndarray]) -> list[np.ndarray]:
    parts = []
    for start in range(0, len(arrays[0]), _ROWS):
        outputs = model.predict_on_batch([one[start : start + _ROWS] for one in arrays])
        parts.append(outputs if isinstance(outputs, list | tuple) else [outputs])
    return [np.concatenate(one) for one in zip(*parts, strict=True)]


def _agree(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.abs(one - other).max() <= 1e-3 * np.abs(other).max())
