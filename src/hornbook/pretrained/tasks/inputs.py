"""What a caller may give: texts or token ids, one or several, and a condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hornbook.errors import OptionError
from hornbook.generation.option_checks import checked_token_ids

Prompts = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]


class Given(NamedTuple):
    """What a caller gave, looked through.

    Attributes:
        rows: Texts; or pairs of texts, as tuples; or token ids, as lists.
        alone: Whether it was one of these and not a list of them, so that one answer is wanted.
        texts: Whether the rows are texts or pairs, and not token ids.
    """

    rows: list[Any]
    alone: bool
    texts: bool


def given(values: Any, name: str = "texts", *, pairs: bool = False) -> Given:
    """Looks through texts or token ids, one or several, in a list, an array or a column.

    Args:
        values: A text; token ids; or a sequence of either.  With `pairs` also a tuple of two texts,
            which is one pair, and sequences of pairs.
        name: What they are, for messages.
        pairs: Whether pairs of texts have a meaning here.

    Raises:
        OptionError: something else, or texts and token ids mixed.
    """
    if isinstance(values, Given):
        return values
    _refuse(values, name)
    if isinstance(values, str):
        return Given([values], alone=True, texts=True)
    if isinstance(values, tuple) and values and all(isinstance(value, str) for value in values):
        if pairs and len(values) != 2:
            raise OptionError(
                f"{name} is a tuple of {len(values)} texts.  A tuple of two is a pair; "
                "give several texts as a list."
            )
        if pairs:
            return Given([values], alone=True, texts=True)
    rows = _as_list(values)
    if rows and all(_is_id(row) for row in rows):
        return Given([list(map(int, rows))], alone=True, texts=False)
    checked = [_row(row, f"{name}[{number}]", pairs) for number, row in enumerate(rows)]
    texts = [not isinstance(row, list) for row in checked]
    if len(set(texts)) > 1:
        raise OptionError(f"{name}: give texts or token ids, not both in one call.")
    return Given(checked, alone=False, texts=all(texts))


def _refuse(value: Any, name: str) -> None:
    """Raises an error for what is neither a text nor a sequence."""
    expected = "a text, a list of texts, or token ids"
    if isinstance(value, bytes | bytearray | memoryview):
        raise OptionError(f"{name} is bytes; decode it first: {name}.decode('utf-8').")
    if isinstance(value, Mapping | set | frozenset):
        raise OptionError(f"{name} is a {type(value).__name__}; expected {expected}.")
    if hasattr(value, "columns"):
        raise OptionError(f"{name} is a table; give one of its columns: table['text'].")
    if value is None or not (isinstance(value, str) or hasattr(value, "__iter__")):
        raise OptionError(f"{name} is {value!r}; expected {expected}.")
    if getattr(value, "ndim", 1) not in (1, 2):
        raise OptionError(f"{name} has {value.ndim} dimensions; expected {expected}.")


def _as_list(values: Any) -> list[Any]:
    """The values of a list, an array, a column of a table, or of anything that gives some."""
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _row(row: Any, name: str, pairs: bool) -> str | tuple[str, str] | list[int]:
    """A text, a pair as a tuple, or token ids as a list."""
    if isinstance(row, str):
        return row
    if row is None or isinstance(row, float) or not hasattr(row, "__iter__"):
        # pandas' own mark of a missing value has no truth value, so its name goes first
        missing = row is None or type(row).__name__ in ("NAType", "NaTType") or row != row
        what = "missing" if missing else repr(row)
        raise OptionError(f"{name} is {what}; expected a text{', a pair' * pairs} or token ids.")
    _refuse(row, name)
    parts = _as_list(row)
    if parts and all(isinstance(part, str) for part in parts):
        if pairs and len(parts) in (1, 2):
            return tuple(parts) if len(parts) == 2 else parts[0]  # type: ignore[return-value]
        raise OptionError(
            f"{name} is a list of {len(parts)} texts; expected "
            f"{'a text or a pair of two texts' if pairs else 'a text'}."
        )
    if not all(_is_id(part) for part in parts):
        raise OptionError(f"{name} must be a text or a list of token ids, which are whole numbers.")
    return list(map(int, parts))


def _is_id(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def one_text(value: Any, name: str) -> str:
    """A text, where only one will do.

    Raises:
        OptionError: it is something else.
    """
    if isinstance(value, bytes | bytearray):
        raise OptionError(f"{name} is bytes; decode it first: {name}.decode('utf-8').")
    if not isinstance(value, str):
        raise OptionError(f"{name} is one text, but a {type(value).__name__} was given.")
    return value


def rows_of_ids(texts: Any, tokenizer: Any, *, special_tokens: bool | None = None) -> list:
    """The token ids of each text.

    Args:
        texts: As `given` takes them; token ids stay as they are.
        tokenizer: Or None, for token ids.
        special_tokens: Whether they stand around a text; None: as the tokenizer does it.

    Raises:
        OptionError: texts, and no tokenizer; or what `given` refuses.
    """
    rows, _, are_texts = given(texts)
    if not rows or not are_texts:
        return rows
    if tokenizer is None:
        raise OptionError(
            "This model came without its vocabulary, so prompts must be token ids.\n"
            "Put the vocab.txt, tokenizer.json or *.model it was trained with into its folder."
        )
    found = tokenizer.encode_batch(rows, add_special_tokens=special_tokens)
    return [list(encoding.token_ids) for encoding in found]


def prompt_ids(prompts: Any, config: Any, tokenizer: Any) -> list[list[int]]:
    """Token ids of what is gone on with: of a causal model without the mark of a text's end."""
    prompts = given(prompts, "prompts")
    ids = rows_of_ids(prompts, tokenizer)
    if config.application == "causal_lm" and tokenizer is not None and prompts.texts:
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
