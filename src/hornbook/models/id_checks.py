"""Refuses IDs that are out of range for their table, wherever their values are known.

For such IDs JAX returns NaN, TensorFlow zeros on some devices, and PyTorch's kernels abort the
process on a GPU.  Compiled code does not know the values, so they are checked before: on each call
with concrete arrays.
"""

from __future__ import annotations

import contextvars
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from hornbook.errors import OptionError
from hornbook.models.configuration.transformer_config import TransformerConfig

_ALREADY_CHECKED = contextvars.ContextVar("already checked", default=False)


class ChecksIds:
    """Checks the IDs in each call; comes before `keras.layers.Layer` in the bases of a layer."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not _ALREADY_CHECKED.get():
            layer: Any = self
            check_inputs(layer.config, **_ids_among(layer.call, args, kwargs))
        return super().__call__(*args, **kwargs)  # type: ignore[misc]


@contextmanager
def ids_already_checked() -> Iterator[None]:
    """Disables the checks, for steps that are compiled or replayed many times."""
    token = _ALREADY_CHECKED.set(True)
    try:
        yield
    finally:
        _ALREADY_CHECKED.reset(token)


def check_inputs(
    config: TransformerConfig,
    token_ids: Any,
    segment_ids: Any = None,
    position_ids: Any = None,
    decoder_token_ids: Any = None,
    cache: Any = None,
) -> None:
    """Makes sure that every ID has a row in its table.

    Args:
        config: Configuration of the Transformer.
        token_ids, segment_ids, position_ids, cache: See `Transformer`.
        decoder_token_ids: See `EncoderDecoder`.

    Raises:
        OptionError: an ID is too large or negative; the message has the size of the table.
    """
    for name, ids in (("token_ids", token_ids), ("decoder_token_ids", decoder_token_ids)):
        check_ids(name, ids, config.vocab_size, "tokens in the vocabulary")
    segments = config.vocab_size if config.share_segment_embedding else config.type_vocab_size
    if segments > 1:  # a single row is used for all
        check_ids("segment_ids", segment_ids, segments, "segments")
    if config.position_kind != "learned":
        return
    rows = config.max_length + config.position_offset
    check_ids("position_ids", position_ids, rows, "rows in the table of positions")
    shape = getattr(token_ids, "shape", None)
    if position_ids is None and cache is None and shape is not None and len(shape) > 1:
        length = shape[1]
        if isinstance(length, int) and length > config.max_length:
            raise OptionError(
                f"The texts have {length} tokens, but the model has {config.max_length} "
                "positions.\nShorten them, or give the model more positions (docs/models.md)."
            )


def check_ids(name: str, ids: Any, rows: int, what: str) -> None:
    """Makes sure that IDs are at least 0 and below `rows`, if their values are known.

    Args:
        name: Name of the argument, for the message.
        ids: An array of any backend, a list, or None.
        rows: Number of rows of the table.
        what: What the rows are, for the message.

    Raises:
        OptionError: an ID is too large or negative.
    """
    values = _values(ids)
    if values is None or not values.size:
        return
    largest, smallest = values.max(), values.min()
    if largest >= rows:
        raise OptionError(
            f"The largest of {name} is {_formatted(largest)}, but the model has {rows:,} {what}, "
            f"0 to {rows - 1:,}.\nUse the vocabulary that the model was trained with, or load the "
            "model with more rows (docs/models.md)."
        )
    if smallest < 0:
        raise OptionError(f"The smallest of {name} is {_formatted(smallest)}; ids are 0 or more.")


def _values(ids: Any) -> np.ndarray | None:
    """Returns the values of an array; None if they are unknown, as in compiled code.

    Arrays of PyTorch on a GPU are not checked either: that would wait for all previous work.
    """
    if ids is None or isinstance(ids, keras.KerasTensor):
        return None
    if isinstance(ids, np.ndarray | list | tuple):
        return np.asarray(ids)
    if keras.config.backend() == "torch" and getattr(ids.device, "type", "cpu") != "cpu":
        return None
    try:
        return np.asarray(ops.convert_to_numpy(ids))
    except (TypeError, ValueError, NotImplementedError, AttributeError, RuntimeError):
        return None  # it is being traced


def _ids_among(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a call that are IDs, and the cache."""
    names = inspect.signature(check_inputs).parameters
    arguments = dict(zip(inspect.signature(call).parameters, args, strict=False)) | kwargs
    return {name: value for name, value in arguments.items() if name in names and name != "config"}


def _formatted(value: Any) -> str:
    number = value.item()
    return f"{number:,}" if isinstance(number, int) else repr(number)
