"""Ranges of numeric options, declared with the field, and checks of token ids."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from hornbook.errors import OptionError

_LIMITS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "at_least": (operator.ge, "at least"),
    "above": (operator.gt, "above"),
    "at_most": (operator.le, "at most"),
    "below": (operator.lt, "below"),
}


def number(default: Any, *, whole: bool = False, **limits: float) -> Any:
    """Declares a field that is a number within limits; None is allowed if it is the default."""
    metadata = {"whole": whole, "limits": limits, "optional": default is None}
    return dataclasses.field(default=default, metadata=metadata)


def count(default: Any = dataclasses.MISSING, at_least: int = 1, **limits: float) -> Any:
    """Declares a field that is a whole number."""
    return number(default, whole=True, at_least=at_least, **limits)


def check_number(field: dataclasses.Field[Any], value: Any) -> None:
    """Checks a value against the declaration of its field.

    Raises:
        OptionError: naming the field, the value and the range.
    """
    whole, limits = field.metadata["whole"], field.metadata["limits"]
    if value is None and field.metadata["optional"]:
        return
    kind = Integral if whole else Real
    is_number = isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)
    if is_number and all(_LIMITS[name][0](value, limit) for name, limit in limits.items()):
        return
    range_ = " and ".join(f"{_LIMITS[name][1]} {limit}" for name, limit in limits.items())
    expected = f"a {'whole ' if whole else ''}number" if not is_number or not range_ else ""
    raise OptionError(
        f"{field.name} is {value!r}; it must be {' '.join(filter(None, (expected, range_)))}."
    )


def checked_token_ids(
    name: str, values: Sequence[int], size: int, *, empty: bool = False
) -> np.ndarray:
    """Returns token ids as `(length,)` int32.

    Args:
        name: Name of the argument, for the message.
        values: The ids.
        size: Size of the vocabulary.
        empty: Whether an empty sequence is allowed.

    Raises:
        OptionError: the sequence is empty, or an id is not in the vocabulary.
    """
    token_ids = np.asarray(values)
    if token_ids.size == 0 and token_ids.ndim == 1:
        if empty:
            return np.zeros(0, np.int32)
        raise OptionError(f"{name} is empty: give at least one token.")
    if token_ids.ndim != 1 or token_ids.dtype.kind not in "iu":
        raise OptionError(f"{name} must be a list of token ids, which are whole numbers.")
    wrong = token_ids[(token_ids < 0) | (token_ids >= size)]
    if wrong.size:
        raise OptionError(
            f"{name} has token {wrong[0]}, but the vocabulary has ids 0 to {size - 1}."
        )
    return token_ids.astype(np.int32)
