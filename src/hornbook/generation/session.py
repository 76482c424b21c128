"""What a model side gives this room: logits of the token that comes next, as NumPy arrays.

How they are computed (which backend, which cache, compiled or not) is not known here, so every
way of writing is the same on every backend and can be tested with a table of logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np


class Session(Protocol):
    """Some texts that grow together, one to a row, and what a model says comes next in each.

    A session begins where its prompts end.  It belongs to one call of one way of writing.

    Attributes:
        logits: `(rows, vocabulary)` float32, of the token that comes next in every row.  Nobody
            writes into it.
        positions_left: How many more tokens fit into every row.
    """

    logits: np.ndarray

    @property
    def positions_left(self) -> int: ...

    def advance(self, token_ids: np.ndarray) -> np.ndarray:
        """Appends tokens and computes what comes after each of them.

        Args:
            token_ids: `(rows,)` int32, one for each row; or `(rows, k)`: k for each.

        Returns:
            `(rows, vocabulary)`, which `logits` is from now on; or `(rows, k, vocabulary)`, the
            last of which `logits` is.
        """
        ...

    def reorder(self, rows: np.ndarray) -> None:
        """Lets new row `i` go on from what old row `rows[i]` has, its logits too.

        Args:
            rows: `(new rows,)` int64.  A number may come several times or never, and there may
                be more or fewer rows than before.
        """
        ...

    def rewind(self, counts: np.ndarray) -> None:
        """Takes the last `counts[i]` tokens of row `i` back; only speculative writing asks for it.

        Afterwards `logits` says nothing until the next `advance`.

        Args:
            counts: `(rows,)` int64, 0 or more.
        """
        ...


@runtime_checkable
class HiddenSession(Session, Protocol):
    """A session that also shows the model's last hidden states, for contrastive search.

    Attributes:
        hidden: `(rows, features)` float32: what the model computed for the last token of every
            row, just before the layer that makes logits of it.  Reordered with the rows.
        prompt_hidden: For each row of the beginning `(prompt length, features)` float32: the
            same of every token of its prompt.
    """

    hidden: np.ndarray

    @property
    def prompt_hidden(self) -> Sequence[np.ndarray]: ...
