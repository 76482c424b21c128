"""Ids that a table has no row for, refused wherever their values can be seen.

JAX gives NaN for a row that is not there, TensorFlow zeros on some devices, and PyTorch's
kernels stop the whole process on a GPU.  Inside of compiled code nobody can see the values, so
they are looked at before: on each call with arrays that have values.
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
    """Before `keras.layers.Layer` in the bases of a layer with a `config`: checks what it gets."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not _ALREADY_CHECKED.get():
            layer: Any = self
            check_inputs(layer.config, **_ids_among(layer.call, args, kwargs))
        return super().__call__(*args, **kwargs)  # type: ignore[misc]


@contextmanager
def ids_already_checked() -> Iterator[None]:
    """Within it nothing is looked at: for steps that are compiled, or replayed many times."""
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
    """Makes sure that every id has a row in its table.

    Args:
        config: Of the Transformer.
        token_ids, segment_ids, position_ids, cache: See `Transformer`.
        decoder_token_ids: See `EncoderDecoder`.

    Raises:
        OptionError: naming the largest id, or a negative one, and the size of the table.
    """
    for name, ids in (("token_ids", token_ids), ("decoder_token_ids", decoder_token_ids)):
        check_ids(name, ids, config.vocab_size, "tokens in the vocabulary")
    segments = config.vocab_size if config.share_segment_embedding else config.type_vocab_size
    if segments > 1:  # of one row every token gets that one
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
    """Makes sure that ids are 0 or more and below `rows`, if their values can be seen.

    Args:
        name: Of the argument, for the message.
        ids: An array of any backend, a list, or None.
        rows: Of the table.
        what: The rows are.

    Raises:
        OptionError: naming the largest id, or a negative one.
    """
    values = _values(ids)
    if values is None or not values.size:
        return
    largest, smallest = values.max(), values.min()
    if largest >= rows:
        raise OptionError(
            f"The largest of {name} is {_shown(largest)}, but the model has {rows:,} {what}, "
            f"0 to {rows - 1:,}.\nUse the vocabulary that the model was trained with, or load the "
            "model with more rows (docs/models.md)."
        )
    if smallest < 0:
        raise OptionError(f"The smallest of {name} is {_shown(smallest)}; ids are 0 or more.")


def _values(ids: Any) -> np.ndarray | None:
    """What an array holds; None where nobody can see it: in compiled code, or before there is any.

    What lies on a GPU of PyTorch is left alone, too: asking for it would wait for all work before.
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
    """Those of the arguments of a call that hold ids, and the cache."""
    names = inspect.signature(check_inputs).parameters
    given = dict(zip(inspect.signature(call).parameters, args, strict=False)) | kwargs
    return {name: value for name, value in given.items() if name in names and name != "config"}


def _shown(value: Any) -> str:
    number = value.item()
    return f"{number:,}" if isinstance(number, int) else repr(number)
