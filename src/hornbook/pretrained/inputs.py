"""What a caller may give: texts or token ids, one or several, and a condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbook.errors import OptionError

Prompts = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]


def is_text_or_ids(value: Any) -> bool:
    """Whether this is one text, or the token ids of one; an empty list is one too."""
    return isinstance(value, str) or not len(value) or isinstance(value[0], int | np.integer)


def are_texts(values: Any) -> bool:
    """Whether this is a text or several texts, and not token ids."""
    return isinstance(values, str) or all(isinstance(value, str) for value in values)


def checked_condition(config: Any, condition: Any, rows: int) -> np.ndarray | None:
    """The condition of each row, `(rows, condition_size)` float32.

    Args:
        config: Of the Transformer.
        condition: `(condition_size,)` for all rows alike, or `(rows, condition_size)`; None where
            the model's norms listen to none.
        rows: Prompts, or texts.

    Raises:
        OptionError: it is missing, of another shape, or the model takes none.
    """
    size = config.condition_size
    if size is None:
        if condition is not None:
            raise OptionError(
                "This model takes no condition.  Load it with condition_size=... for one."
            )
        return None
    if condition is None:
        raise OptionError(
            f"Every norm of this model listens to a condition: give condition=..., {size} numbers, "
            "or a row of them for each text."
        )
    given = np.asarray(condition, "float32")
    if given.shape not in ((size,), (rows, size)):
        raise OptionError(
            f"The condition has shape {given.shape}; expected ({size},) or ({rows}, {size})."
        )
    return np.broadcast_to(given, (rows, size))
