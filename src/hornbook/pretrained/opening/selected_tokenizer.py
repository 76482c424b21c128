"""The tokenizer of a model with some of the rows of a checkpoint: the same tokens, new ids."""

from __future__ import annotations

from typing import Any

from hornbook.errors import DataError, OptionError
from hornbook.pretrained.opening.selection import Selection
from hornbook.text.tokenizer import Tokenizer

REMEDY = (
    "Keep other tokens; or give a tokenizer of the new ids, load(..., tokenizer=...), or "
    "tokenizer=None for a model that takes token ids and no text."
)


def selected_tokenizer(tokenizer: Tokenizer, selection: Selection, rows: int) -> Tokenizer:
    """Returns the tokenizer of the selected rows, in their order.

    Args:
        tokenizer: Tokenizer of the checkpoint.
        selection: The rows to keep, and the new ones that follow.
        rows: Number of rows in the checkpoint.

    Raises:
        OptionError: the tokenizer cannot be adapted to them.
    """
    size = tokenizer.vocabulary_size
    token_ids = selection.old_token_ids(rows)
    compounds = selection.compounds()
    while token_ids and token_ids[-1] >= size and not compounds:
        token_ids.pop()  # unused rows at the end
    if unused := [token_id for token_id in token_ids if token_id >= size]:
        raise _cannot_follow(
            f"row {unused[0]} has no token in a vocabulary of {size}, and others follow it"
        )
    if len(set(token_ids)) < len(token_ids):
        duplicate = next(token_id for token_id in token_ids if token_ids.count(token_id) > 1)
        raise _cannot_follow(f"token {duplicate} is kept twice")
    try:
        return tokenizer.keep(token_ids, compounds) if compounds else tokenizer.keep(token_ids)
    except DataError as error:
        raise _cannot_follow(str(error)) from None


def _cannot_follow(reason: Any) -> OptionError:
    return OptionError(f"The tokenizer cannot be adapted to the tokens to keep: {reason}\n{REMEDY}")
