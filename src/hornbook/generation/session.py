"""The interface between generation and a model: logits of the next token as NumPy arrays.

How they are computed (backend, cache, compilation) is not known here, so every strategy is the
same on every backend and can be tested with a table of logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np


class Session(Protocol):
    """A batch of texts in generation, one per row, and a model's logits of each next token.

    A session starts at the end of its prompts and is used by one call of one strategy.

    Attributes:
        logits: `(rows, vocabulary)` float32, of the next token in every row.  Read only.
        positions_left: How many more tokens fit into every row.
    """

    logits: np.ndarray

    @property
    def positions_left(self) -> int: ...

    def advance(self, token_ids: np.ndarray) -> np.ndarray:
        """Appends tokens and computes the logits after each of them.

        Args:
            token_ids: `(rows,)` int32, one per row; or `(rows, k)`, k per row.

        Returns:
            `(rows, vocabulary)`, the new `logits`; or `(rows, k, vocabulary)`, the last of which
            become `logits`.
        """
        ...

    def reorder(self, rows: np.ndarray) -> None:
        """Makes new row `i` a copy of old row `rows[i]`, including its logits.

        Args:
            rows: `(new rows,)` int64.  An index may occur several times or never, so the number
                of rows may change.
        """
        ...

    def rewind(self, counts: np.ndarray) -> None:
        """Removes the last `counts[i]` tokens of row `i`; only speculative decoding uses it.

        Afterwards `logits` are undefined until the next `advance`.

        Args:
            counts: `(rows,)` int64, 0 or more.
        """
        ...


@runtime_checkable
class HiddenSession(Session, Protocol):
    """A session that also provides the model's last hidden states, for contrastive search.

    Attributes:
        hidden: `(rows, features)` float32: the last hidden state of every row's last token, the
            input of the language head.  Reordered with the rows.
        prompt_hidden: Per initial row `(prompt length, features)` float32: the same for every
            token of its prompt.
    """

    hidden: np.ndarray

    @property
    def prompt_hidden(self) -> Sequence[np.ndarray]: ...
