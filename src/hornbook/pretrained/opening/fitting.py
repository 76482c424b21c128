"""The vocabulary of a model that took over some rows of another: the same tokens, new ids."""

from __future__ import annotations

from typing import Any

from hornbook.errors import DataError, OptionError
from hornbook.pretrained.opening.selection import Selection
from hornbook.text.tokenizer import Tokenizer

REMEDY = (
    "Change what is kept; or give the tokenizer of the new ids, load(..., tokenizer=...); or None "
    "there, for a model that takes token ids and no text."
)


def fitting_tokenizer(tokenizer: Tokenizer, selection: Selection, rows: int) -> Tokenizer:
    """The tokenizer of the rows that are taken over, in their order.

    Args:
        tokenizer: Of all rows.
        selection: Which of them are taken, and which new ones follow.
        rows: Of the checkpoint.

    Raises:
        OptionError: there is none, and what to do about it.
    """
    size = tokenizer.vocabulary_size
    kept = selection.kept_tokens(rows)
    compounds = selection.compounds()
    while kept and kept[-1] >= size and not compounds:
        kept.pop()  # rows that no token has, behind all that one has
    if nameless := [token_id for token_id in kept if token_id >= size]:
        raise _does_not_fit(
            f"row {nameless[0]} has no token in a vocabulary of {size}, and others follow it"
        )
    if len(set(kept)) < len(kept):
        twice = next(token_id for token_id in kept if kept.count(token_id) > 1)
        raise _does_not_fit(f"token {twice} is kept twice")
    try:
        return tokenizer.keep(kept, compounds) if compounds else tokenizer.keep(kept)
    except DataError as error:
        raise _does_not_fit(str(error)) from None


def _does_not_fit(reason: Any) -> OptionError:
    return OptionError(f"The vocabulary cannot follow the tokens that are kept: {reason}\n{REMEDY}")
