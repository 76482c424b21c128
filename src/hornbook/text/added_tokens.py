"""Tokens that stand beside a vocabulary and are found in a text before anything else is cut.

Entity markers (`[E1]`), speakers, the marks of chats: published as `added_tokens.json`, as
`added_tokens_decoder` or `additional_special_tokens` of `tokenizer_config.json`, in
`special_tokens_map.json`, or in the `added_tokens` of a `tokenizer.json`.  All of them are read
here, into the ids that transformers gives them.
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
        token: As it stands in a text.
        options: `special` (left out of decoded texts), `lstrip` and `rstrip` (takes the white space
            beside it), `single_word` (not within a word), `normalized` (found in the text as the
            vocabulary reads it, lower-cased for instance), all of them.
    """

    token: str
    options: dict[str, bool]


class Part(NamedTuple):
    """A part of a text: an added token, or what stands between two of them."""

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
    """Id -> token, in the order of the ids.

    A token without an id of its own gets the next one behind all others, as in transformers.

    Args:
        folder: With `added_tokens.json`, or without.
        settings: Of `read_settings`.
        id_of: The id that a token has in the vocabulary itself.
        size: Tokens of the vocabulary.
        serialized: The `added_tokens` of a `tokenizer.json`.

    Raises:
        VocabularyError: something is no token, two tokens share an id, or an id is not the one that
            the token's place behind the vocabulary gives it.
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
                f"{folder}: the added token {one.token!r} has the id {token_id}, but its place "
                f"behind the vocabulary is {place}."
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
    """The tokens that a list makes special, where `added_tokens.json` has their ids.

    Those in the `additional_special_tokens` of `special_tokens_map.json` stay ordinary ones, as in
    transformers 5; up to version 4 they were special.
    """
    made: set[str] = set()
    for name, lists in ((CONFIG, _LISTS), (SPECIAL_TOKENS_MAP, _LISTS[1:])):
        if (folder / name).is_file():
            content = read_object(folder / name)
            settings = {key: content[key] for key in lists if key in content}
            made |= {_extra(folder, one).token for one in _extra_tokens(settings)}
    return made


def numbered_tokens(folder: Path, settings: Mapping[str, Any]) -> list[str]:
    """The added tokens whose ids are said."""
    return [one.token for _, one in _numbered(folder, settings, set(), None)]


def _numbered(
    folder: Path, settings: Mapping[str, Any], special: set[str], serialized: Any
) -> Iterator[tuple[int, Added]]:
    """The tokens whose ids are said; where two files say it, the last one counts."""
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
            f"{folder}: the added token {token!r} with the id {shown!r} is no token.\n"
            "Expected a text that is not empty and a whole number, from 0 to 2,147,483,647."
        )
    return token_id, Added(str(token), _flags(details))


def _flags(details: Mapping[str, Any]) -> dict[str, bool]:
    flags = {name: details.get(name) is True for name in FLAGS}
    if not isinstance(details.get("normalized"), bool):
        flags["normalized"] = not flags["special"]
    return flags


def _extra_tokens(settings: Mapping[str, Any]) -> list[Any]:
    found: list[Any] = []
    for name in _LISTS:
        value = settings.get(name)
        if isinstance(value, dict):  # purposes of this model -> tokens
            value = list(value.values())
        if value is not None and not isinstance(value, list):
            raise VocabularyError(f"{name} is {value!r}; expected a list of tokens.")
        found += value or []
    return found


def _extra(folder: Path, one: Any) -> Added:
    details = one if isinstance(one, dict) else {"content": one}
    return _checked(folder, 0, {**details, "special": True})[1]


def added_settings(added: Mapping[int, Added], specials: Mapping[int, str]) -> dict[str, Any]:
    """What `tokenizer_config.json` says of added tokens; nothing where there are none.

    Args:
        added: Id -> token.
        specials: Id -> token, for those around a text, which are listed with them.
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
    """Lets a tokenizer of the `tokenizers` library find the tokens.

    Raises:
        VocabularyError: the library gives one of them another id.
    """
    from tokenizers import AddedToken

    for token_id, (token, options) in tokens.items():
        library.add_tokens([AddedToken(token, **options)])
        if library.token_to_id(token) != token_id:
            raise VocabularyError(
                f"{where}: the added token {token!r} has the id {token_id}, but its place "
                f"behind the vocabulary is {library.token_to_id(token)}."
            )


class AddedTokens:
    """Finds added tokens in texts, as the `tokenizers` library does.

    Args:
        tokens: Id -> token.
        normalizer: How the vocabulary reads a text; for those that are `normalized`.
    """

    def __init__(self, tokens: Mapping[int, Added], normalizer: Normalizer | None = None) -> None:
        from tokenizers import AddedToken, models
        from tokenizers import Tokenizer as Library

        self.tokens = dict(tokens)
        self.special_ids = frozenset(i for i, one in tokens.items() if one.options["special"])
        self._ids = list(tokens)
        # a vocabulary of nothing: all that comes out of it are the added tokens
        self._library = Library(models.BPE())
        if normalizer is not None:
            self._library.normalizer = normalizer
        for number, one in enumerate(tokens.values()):
            self._library.add_tokens([AddedToken(one.token, **one.options)])
            assert self._library.token_to_id(one.token) == number
        as_they_are = [one.token for one in tokens.values() if not one.options["normalized"]]
        is_plain = normalizer is None or len(as_they_are) == len(tokens)
        contents = [one.token for one in tokens.values()]
        self._quick = re.compile("|".join(map(re.escape, contents))) if is_plain else None

    def may_be_in(self, text: str) -> bool:
        """Whether it is worth looking: False is certain."""
        return self._quick is None or self._quick.search(text) is not None

    def split(self, texts: Iterable[str]) -> list[list[Part]]:
        """The parts of each text in their order; none of them is empty.

        White space that a token takes is part of it.
        """
        found = self._library.encode_batch(list(texts), add_special_tokens=False)
        return [
            list(self._parts(text, encoding.ids, encoding.offsets))
            for text, encoding in zip(texts, found, strict=True)
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
