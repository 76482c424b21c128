"""Added tokens: tokens beside a vocabulary that are matched before a text is tokenized.

Entity markers (`[E1]`), speakers, chat markers: published as `added_tokens.json`, as
`added_tokens_decoder` or `additional_special_tokens` of `tokenizer_config.json`, in
`special_tokens_map.json`, or in the `added_tokens` of a `tokenizer.json`.  All of them are
supported, with the same ids as in transformers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hornbook.text.json_file import read_object
from hornbook.text.special_tokens import (
    ADDED_TOKENS,
    CONFIG,
    SPECIAL_TOKENS_MAP,
    named_special_tokens,
)
from hornbook.text.vocabulary_file import VocabularyError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library
    from tokenizers.normalizers import Normalizer

_LARGEST_ID = 2**31 - 1
_LISTS = ("additional_special_tokens", "extra_special_tokens")  # up to transformers 4, from 5 on
FLAGS = ("special", "lstrip", "rstrip", "single_word", "normalized")


class Added(NamedTuple):
    """A token that was added to a vocabulary.

    Attributes:
        token: The token as written in texts.
        options: All of `special` (omitted from decoded texts), `lstrip` and `rstrip` (includes
            adjacent white space), `single_word` (not within a word), `normalized` (matched in the
            normalized text, for example lowercased).
    """

    token: str
    options: dict[str, bool]


class Part(NamedTuple):
    """A part of a text: an added token, or the text between two of them."""

    start: int
    end: int
    token_id: int | None


def added_tokens(
    folder: Path,
    settings: Mapping[str, Any],
    id_of: Callable[[str], int | None],
    size: int,
    *,
    serialized: Any = None,
) -> dict[int, Added]:
    """Returns id -> token, in the order of the ids.

    A token without an id gets the next free one, as in transformers.

    Args:
        folder: The tokenizer folder, with or without `added_tokens.json`.
        settings: From `read_settings`.
        id_of: Returns the id of a token in the vocabulary itself.
        size: Number of tokens in the vocabulary.
        serialized: The `added_tokens` of a `tokenizer.json`.

    Raises:
        VocabularyError: an invalid token, two tokens with one id, or an id that does not match the
            token's position after the vocabulary.
    """
    listed = [_extra(folder, one) for one in _extra_tokens(settings)]
    special = set(named_special_tokens(settings).values()) | _made_special(folder)
    added: dict[int, Added] = {}
    for token_id, one in _numbered(folder, settings, special, serialized):
        if token_id in added and added[token_id].token != one.token:
            raise VocabularyError(
                f"{folder}: the added tokens {added[token_id].token!r} and {one.token!r} both have "
                f"the id {token_id}."
            )
        added[token_id] = one
    added = dict(sorted(added.items()))
    next_id = size
    for token_id, one in added.items():
        place = id_of(one.token)
        if place is None:
            place, next_id = next_id, next_id + 1
        if place != token_id:
            raise VocabularyError(
                f"{folder}: the added token {one.token!r} has the id {token_id}, but its position "
                f"after the vocabulary is {place}."
            )
    known = {one.token: token_id for token_id, one in added.items()}
    for one in listed:
        if one.token in known:
            continue
        place = id_of(one.token)
        if place is None:
            place, next_id = next_id, next_id + 1
        known[one.token] = place
        added[place] = one
    return dict(sorted(added.items()))


def _made_special(folder: Path) -> set[str]:
    """Returns the tokens that a list makes special, if `added_tokens.json` has their ids.

    Tokens in the `additional_special_tokens` of `special_tokens_map.json` are ordinary ones, as in
    transformers 5; up to version 4 they were special.
    """
    special: set[str] = set()
    for name, lists in ((CONFIG, _LISTS), (SPECIAL_TOKENS_MAP, _LISTS[1:])):
        if (folder / name).is_file():
            content = read_object(folder / name)
            settings = {key: content[key] for key in lists if key in content}
            special |= {_extra(folder, one).token for one in _extra_tokens(settings)}
    return special


def numbered_tokens(folder: Path, settings: Mapping[str, Any]) -> list[str]:
    """Returns the added tokens with explicit ids."""
    return [one.token for _, one in _numbered(folder, settings, set(), None)]


def _numbered(
    folder: Path, settings: Mapping[str, Any], special: set[str], serialized: Any
) -> Iterator[tuple[int, Added]]:
    """Yields tokens with explicit ids; if two files have one, the last one counts."""
    if (folder / ADDED_TOKENS).is_file():
        for token, token_id in read_object(folder / ADDED_TOKENS).items():
            yield _checked(folder, token_id, {"content": token, "special": token in special})
    for one in serialized if isinstance(serialized, list) else ():
        details = one if isinstance(one, dict) else {"content": one}
        yield _checked(folder, details.get("id"), details)
    decoder = settings.get("added_tokens_decoder") or {}
    if not isinstance(decoder, Mapping):
        raise VocabularyError(
            f"{folder / CONFIG}: added_tokens_decoder is a {type(decoder).__name__}; expected an "
            'object of ids and tokens, such as {"128": {"content": "<x>"}}.'
        )
    for number, token in decoder.items():
        token_id = int(number) if number.isascii() and number.isdigit() and len(number) < 11 else -1
        details = token if isinstance(token, dict) else {"content": token}
        if details.get("content") in special:
            details = {**details, "special": True}
        yield _checked(folder, token_id, details, number)


def _checked(
    folder: Path, token_id: Any, details: Mapping[str, Any], written: Any = None
) -> tuple[int, Added]:
    token = details.get("content")
    is_token = isinstance(token, str) and token != ""
    if type(token_id) is not int or not 0 <= token_id <= _LARGEST_ID or not is_token:
        shown = str(token_id if written is None else written)
        shown = shown if len(shown) < 30 else f"{shown[:20]}... of {len(shown):,} characters"
        raise VocabularyError(
            f"{folder}: the added token {token!r} with the id {shown!r} is not a token.\n"
            "Expected a non-empty text and an integer from 0 to 2,147,483,647."
        )
    return token_id, Added(str(token), _flags(details))


def _flags(details: Mapping[str, Any]) -> dict[str, bool]:
    flags = {name: details.get(name) is True for name in FLAGS}
    if not isinstance(details.get("normalized"), bool):
        flags["normalized"] = not flags["special"]
    return flags


def _extra_tokens(settings: Mapping[str, Any]) -> list[Any]:
    tokens: list[Any] = []
    for name in _LISTS:
        value = settings.get(name)
        if isinstance(value, dict):  # purposes of this model -> tokens
            value = list(value.values())
        if value is not None and not isinstance(value, list):
            raise VocabularyError(f"{name} is {value!r}; expected a list of tokens.")
        tokens += value or []
    return tokens


def _extra(folder: Path, one: Any) -> Added:
    details = one if isinstance(one, dict) else {"content": one}
    return _checked(folder, 0, {**details, "special": True})[1]


def added_settings(added: Mapping[int, Added], specials: Mapping[int, str]) -> dict[str, Any]:
    """Returns the settings of added tokens for `tokenizer_config.json`; {} if there are none.

    Args:
        added: Id -> token.
        specials: Id -> token of the special tokens around a text, which are listed with them.
    """
    if not added:
        return {}
    plain = {name: name == "special" for name in FLAGS}
    decoder = {token_id: {"content": token, **plain} for token_id, token in specials.items()}
    decoder |= {token_id: {"content": one.token, **one.options} for token_id, one in added.items()}
    settings: dict[str, Any] = {
        "added_tokens_decoder": {str(token_id): decoder[token_id] for token_id in sorted(decoder)}
    }
    if listed := [o.token for i, o in added.items() if o.options["special"] and i not in specials]:
        settings["additional_special_tokens"] = listed
    return settings


def add_to_library(library: Library, tokens: Mapping[int, Added], where: str) -> None:
    """Adds tokens to a tokenizer of the `tokenizers` library.

    Raises:
        VocabularyError: the library assigns another id to one of them.
    """
    from tokenizers import AddedToken

    for token_id, (token, options) in tokens.items():
        library.add_tokens([AddedToken(token, **options)])
        if library.token_to_id(token) != token_id:
            raise VocabularyError(
                f"{where}: the added token {token!r} has the id {token_id}, but its position "
                f"after the vocabulary is {library.token_to_id(token)}."
            )


class AddedTokens:
    """Finds added tokens in texts, as the `tokenizers` library does.

    Args:
        tokens: Id -> token.
        normalizer: The normalizer of the vocabulary, for tokens that are `normalized`.
    """

    def __init__(self, tokens: Mapping[int, Added], normalizer: Normalizer | None = None) -> None:
        from tokenizers import AddedToken, models
        from tokenizers import Tokenizer as Library

        self.tokens = dict(tokens)
        self.special_ids = frozenset(i for i, one in tokens.items() if one.options["special"])
        self._ids = list(tokens)
        # an empty vocabulary: its only tokens are the added ones
        self._library = Library(models.BPE())
        if normalizer is not None:
            self._library.normalizer = normalizer
        for number, one in enumerate(tokens.values()):
            self._library.add_tokens([AddedToken(one.token, **one.options)])
            assert self._library.token_to_id(one.token) == number
        is_plain = normalizer is None or not any(t.options["normalized"] for t in tokens.values())
        contents = [one.token for one in tokens.values()]
        self._quick = re.compile("|".join(map(re.escape, contents))) if is_plain else None

    def may_be_in(self, text: str) -> bool:
        """Whether a text may contain added tokens; False is certain."""
        return self._quick is None or self._quick.search(text) is not None

    def split(self, texts: Iterable[str]) -> list[list[Part]]:
        """Returns the non-empty parts of each text, in order.

        White space stripped by a token is part of it.
        """
        encodings = self._library.encode_batch(list(texts), add_special_tokens=False)
        return [
            list(self._parts(text, encoding.ids, encoding.offsets))
            for text, encoding in zip(texts, encodings, strict=True)
        ]

    def _parts(
        self, text: str, numbers: Iterable[int], offsets: Iterable[tuple[int, int]]
    ) -> Iterator[Part]:
        position = 0
        for number, (start, end) in zip(numbers, offsets, strict=True):
            if start > position:
                yield Part(position, start, None)
            yield Part(start, end, self._ids[number])
            position = end
        if position < len(text):
            yield Part(position, len(text), None)
