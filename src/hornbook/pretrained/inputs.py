"""What a caller may give: texts or token ids, one or several, and a condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbook.errors import OptionError
from hornbook.generation.option_checks import checked_token_ids

Prompts = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]


def is_text_or_ids(value: Any) -> bool:
    """Whether this is one text, or the token ids of one; an empty list is one too."""
    return isinstance(value, str) or not len(value) or isinstance(value[0], int | np.integer)


def are_texts(values: Any) -> bool:
    """Whether this is a text or several texts, and not token ids."""
    return isinstance(values, str) or all(isinstance(value, str) for value in values)


def rows_of_ids(texts: Prompts, tokenizer: Any, *, special_tokens: bool | None = None) -> list:
    """The token ids of each text.

    Args:
        texts: A text or several, or token ids of one or several, which stay as they are.
        tokenizer: Or None, for token ids.
        special_tokens: Whether they stand around a text; None: as the tokenizer does it.

    Raises:
        OptionError: texts, and no tokenizer; or texts and token ids mixed.
    """
    alone = isinstance(texts, str) or (len(texts) and is_text_or_ids(texts))
    rows: Any = [texts] if alone else list(texts)
    if not any(isinstance(row, str) for row in rows):
        return [list(row) for row in rows]
    if not are_texts(rows):
        raise OptionError("Give texts or token ids, not both in one call.")
    if tokenizer is None:
        raise OptionError(
            "This model came without its vocabulary, so prompts must be token ids.\n"
            "Put the vocab.txt, tokenizer.json or *.model it was trained with into its folder."
        )
    found = tokenizer.encode_batch(rows, add_special_tokens=special_tokens)
    return [list(encoding.token_ids) for encoding in found]


def prompt_ids(prompts: Prompts, config: Any, tokenizer: Any) -> list[list[int]]:
    """Token ids of what is gone on with: of a causal model without the mark of a text's end."""
    ids = rows_of_ids(prompts, tokenizer)
    if config.application == "causal_lm" and tokenizer is not None and are_texts(prompts):
        special = tokenizer.special_ids
        ends = {special[name] for name in ("eos", "sep") if name in special}
        ids = [row[:-1] if len(row) > 1 and row[-1] in ends else row for row in ids]
    return ids


def check_texts(name: str, rows: Sequence[Sequence[int]], config: Any) -> None:
    """Makes sure that a model can read some texts.

    Args:
        name: What they are, for the message.
        rows: Token ids of each.
        config: Of the Transformer.

    Raises:
        OptionError: naming the first that is empty, too long, or has an unknown token.
    """
    positions = config.max_length if config.position_kind == "learned" else None
    for number, row in enumerate(rows, 1):
        checked_token_ids(f"{name} {number}", row, config.vocab_size)
        if positions is not None and len(row) > positions:
            raise OptionError(
                f"{name} {number} has {len(row)} tokens, but the model has {positions} positions.\n"
                "Shorten it, or give the model more positions (docs/models.md)."
            )


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
