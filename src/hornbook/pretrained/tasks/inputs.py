"""Inputs of the tasks: texts or token ids, one or several, and a condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hornbook.errors import OptionError
from hornbook.generation.option_checks import checked_token_ids

if TYPE_CHECKING:
    from hornbook.models.configuration.transformer_config import TransformerConfig
    from hornbook.text.tokenizer import Tokenizer

Prompts = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]


class Inputs(NamedTuple):
    """Parsed inputs.

    Attributes:
        rows: Texts; or pairs of texts, as tuples; or token ids, as lists of int.
        single: Whether the input was one of these and not a list, so that one answer is expected.
        are_texts: Whether the rows are texts or pairs, not token ids.
    """

    rows: list[Any]
    single: bool
    are_texts: bool


class TokenRow(NamedTuple):
    """Token ids and segment ids of a text or pair, of the same length."""

    token_ids: Sequence[int]
    segment_ids: Sequence[int]


def parse_inputs(values: Any, name: str = "texts", *, pairs: bool = False) -> Inputs:
    """Parses texts or token ids, one or several, in a list, an array or a column.

    Args:
        values: A text; token ids; or a sequence of either.  With `pairs` also a tuple of two texts,
            which is one pair, and sequences of pairs.
        name: Name of the argument, for messages.
        pairs: Whether pairs of texts are accepted.

    Raises:
        OptionError: the values are something else, or mix texts and token ids.
    """
    if isinstance(values, Inputs):
        return values
    _refuse(values, name)
    if isinstance(values, str):
        return Inputs([values], single=True, are_texts=True)
    if isinstance(values, tuple) and values and all(isinstance(value, str) for value in values):
        if pairs and len(values) != 2:
            raise OptionError(
                f"{name} is a tuple of {len(values)} texts.  A tuple of two is a pair; "
                "give several texts as a list."
            )
        if pairs:
            return Inputs([values], single=True, are_texts=True)
    rows = _as_list(values)
    if rows and all(_is_id(row) for row in rows):
        return Inputs([list(map(int, rows))], single=True, are_texts=False)
    checked = [_row(row, f"{name}[{number}]", pairs) for number, row in enumerate(rows)]
    kinds = {not isinstance(row, list) for row in checked}
    if len(kinds) > 1:
        raise OptionError(f"{name}: give texts or token ids, not both in one call.")
    return Inputs(checked, single=False, are_texts=kinds != {False})


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
    """Returns the values of a list, an array, a column of a table, or any iterable."""
    return list(values.tolist() if hasattr(values, "tolist") else values)


def _row(row: Any, name: str, pairs: bool) -> str | tuple[str, str] | list[int]:
    """Returns a text, a pair as a tuple, or token ids as a list."""
    if isinstance(row, str):
        return row
    if row is None or isinstance(row, float) or not hasattr(row, "__iter__"):
        # the missing value of pandas has no truth value, so its name is checked first
        missing = row is None or type(row).__name__ in ("NAType", "NaTType") or row != row
        what = "missing" if missing else repr(row)
        raise OptionError(f"{name} is {what}; expected a text{', a pair' * pairs} or token ids.")
    _refuse(row, name)
    parts = _as_list(row)
    if parts and all(isinstance(part, str) for part in parts):
        if pairs and len(parts) == 1:
            return str(parts[0])
        if pairs and len(parts) == 2:
            return (parts[0], parts[1])
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
    """Returns a text, where a list is not accepted.

    Raises:
        OptionError: it is something else.
    """
    if isinstance(value, bytes | bytearray):
        raise OptionError(f"{name} is bytes; decode it first: {name}.decode('utf-8').")
    if not isinstance(value, str):
        raise OptionError(f"{name} must be one text, not a {type(value).__name__}.")
    return value


def token_rows(
    rows: Sequence[Any], tokenizer: Tokenizer | None, *, limit: int, vocab_size: int
) -> list[TokenRow]:
    """Returns token ids and segment ids of each text, none of them empty.

    Args:
        rows: Texts or pairs, which are truncated; or token ids.
        tokenizer: Required for texts; None for token ids.
        limit: Maximum number of tokens.
        vocab_size: Size of the vocabulary.

    Raises:
        OptionError: a row is empty, has an unknown token id, or too many of them.
    """
    if tokenizer is not None:
        encodings = tokenizer.encode_batch(rows, limit)
        tokens = [TokenRow(encoding.token_ids, encoding.segment_ids) for encoding in encodings]
    else:
        tokens = [TokenRow(token_ids, [0] * len(token_ids)) for token_ids in rows]
    for index, row in enumerate(tokens):
        checked_token_ids(f"texts[{index}]", row.token_ids, vocab_size)
        if len(row.token_ids) > limit:
            raise OptionError(
                f"texts[{index}] has {len(row.token_ids)} tokens; the maximum is {limit}."
            )
    return tokens


def rows_of_ids(
    texts: Any, tokenizer: Tokenizer | None, *, special_tokens: bool | None = None
) -> list[list[int]]:
    """Returns the token ids of each text.

    Args:
        texts: As for `parse_inputs`; token ids are returned as they are.
        tokenizer: Required for texts.
        special_tokens: Whether to add special tokens.  Defaults to the tokenizer's setting.

    Raises:
        OptionError: texts without a tokenizer, or what `parse_inputs` refuses.
    """
    rows, _, are_texts = parse_inputs(texts)
    if not rows or not are_texts:
        return rows
    if tokenizer is None:
        raise OptionError(
            "This model came without its vocabulary, so prompts must be token ids.\n"
            "Put the vocab.txt, tokenizer.json or *.model it was trained with into its folder."
        )
    encodings = tokenizer.encode_batch(rows, add_special_tokens=special_tokens)
    return [list(encoding.token_ids) for encoding in encodings]


def prompt_ids(
    prompts: Any, config: TransformerConfig, tokenizer: Tokenizer | None
) -> list[list[int]]:
    """Returns token ids of prompts, for a causal model without the end-of-text token."""
    inputs = parse_inputs(prompts, "prompts")
    ids = rows_of_ids(inputs, tokenizer)
    if config.application == "causal_lm" and tokenizer is not None and inputs.are_texts:
        special = tokenizer.special_ids
        ends = {special[name] for name in ("eos", "sep") if name in special}
        ids = [row[:-1] if len(row) > 1 and row[-1] in ends else row for row in ids]
    return ids


def check_texts(name: str, rows: Sequence[Sequence[int]], config: TransformerConfig) -> None:
    """Checks that a model can read some texts.

    Args:
        name: "Text" or "Prompt", for the message.
        rows: Token ids of each.
        config: Configuration of the model.

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


def checked_condition(config: TransformerConfig, condition: Any, rows: int) -> np.ndarray | None:
    """Returns the condition of each row, `(rows, condition_size)` float32.

    Args:
        config: Configuration of the model.
        condition: `(condition_size,)` for all rows, or `(rows, condition_size)`; None for a model
            without a condition.
        rows: Number of prompts or texts.

    Raises:
        OptionError: it is missing, has another shape, or the model takes none.
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
            f"Every norm of this model takes a condition: give condition=..., {size} numbers, "
            "or a row of them per text."
        )
    array = np.asarray(condition, "float32")
    if array.shape not in ((size,), (rows, size)):
        raise OptionError(
            f"The condition has shape {array.shape}; expected ({size},) or ({rows}, {size})."
        )
    return np.broadcast_to(array, (rows, size))
