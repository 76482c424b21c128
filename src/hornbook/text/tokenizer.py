"""What every tokenizer can do, and what model code may rely on."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hornbook.text.added_tokens import AddedTokens
from hornbook.text.streaming import TextStream, WindowStream
from hornbook.text.template import Pieces, Template
from hornbook.text.vocabulary_file import VocabularyError

_BARE = Template.written("$A", "$A $B:1")
_SURROGATES = re.compile("[\ud800-\udfff]")


class Encoding(NamedTuple):
    """One text, or a pair, as a model reads it.  All four lists have the same length.

    Attributes:
        token_ids: The text, and the special tokens around it: `[CLS] first [SEP] second [SEP]`.
        segment_ids: Which of the two texts a token is of, as the tokenizer's template says.
        offsets: `text[start:end]` is what the token was made of, counted in characters of the
            original text it is of; None for the special tokens around it.
        tokens: The tokens as the vocabulary has them.
    """

    token_ids: list[int]
    segment_ids: list[int]
    offsets: list[tuple[int, int] | None]
    tokens: list[str]


class Arrays(NamedTuple):
    """Many texts without special tokens, one behind the other.

    Attributes:
        token_ids: `(tokens,)` int64.
        spans: `(tokens, 2)` int64: where each begins and ends in its text.
        counts: `(texts,)` int64: how many tokens each text has.
    """

    token_ids: np.ndarray
    spans: np.ndarray
    counts: np.ndarray


class Tokenizer(ABC):
    """Strings <-> ids, whatever the kind of the vocabulary.

    Args:
        template: Where the special tokens stand.
        special_ids: The ids of the special tokens that this vocabulary has, by what they are
            for: `"pad"`, `"unk"`, `"bos"`, `"eos"`, `"cls"`, `"sep"`, `"mask"`.
        max_length: What `encode` cuts to when it is not told otherwise; None: never.
        add_special_tokens: Whether `encode` puts them around a text when it is not told
            otherwise.  GPT2_ML is used without.
        added: Tokens that are found in a text before it is cut; None: none, or the kind of
            vocabulary finds them itself.
    """

    def __init__(
        self,
        *,
        template: Template,
        special_ids: Mapping[str, int],
        max_length: int | None = None,
        add_special_tokens: bool = True,
        added: AddedTokens | None = None,
    ) -> None:
        self.template = template
        self.special_ids = dict(special_ids)
        self.max_length = max_length
        self.add_special_tokens = add_special_tokens
        self.added = added

    def encode(
        self,
        first: str,
        second: str | None = None,
        *,
        max_length: int | None = None,
        add_special_tokens: bool | None = None,
    ) -> Encoding:
        """Encodes a text or a pair of texts; `encode_batch` says how it is cut."""
        text = first if second is None else (first, second)
        return self.encode_batch([text], max_length, add_special_tokens=add_special_tokens)[0]

    def encode_batch(
        self,
        texts: Iterable[str | tuple[str, str]],
        max_length: int | None = None,
        *,
        add_special_tokens: bool | None = None,
    ) -> list[Encoding]:
        """Encodes many texts or pairs at once, on all cores.

        A pair that is too long loses tokens from the end of the longer text, one by one; when
        both are equally long, from the second.  Special tokens are never cut off.

        Args:
            texts: Each a text, or a pair of texts.
            max_length: The most tokens of one result, specials included; None: the
                tokenizer's own `max_length`.
            add_special_tokens: None: the tokenizer's own.

        Raises:
            ValueError: `max_length` leaves no room for the special tokens.
            VocabularyError: a pair, and the vocabulary has nothing to put between two texts.
        """
        if isinstance(texts, str | bytes):  # else each character would be a text
            raise TypeError("encode_batch takes a list of texts; encode takes one.")
        pairs = [(text,) if isinstance(text, str) else text for text in texts]
        if not all(_is_text_or_pair(pair) for pair in pairs):
            raise TypeError("Each of the texts must be a str or a pair of str.")
        wanted = self.add_special_tokens if add_special_tokens is None else add_special_tokens
        template = self.template if wanted else _BARE
        limit = self.max_length if max_length is None else max_length
        specials = max(
            (template.num_special_tokens(size) for size in set(map(len, pairs))), default=0
        )
        if limit is not None and limit < specials:
            raise ValueError(f"max_length={limit} leaves no room for {specials} special tokens.")
        pieces = iter(self.pieces([text for pair in pairs for text in pair]))
        encodings = []
        for pair in pairs:
            ids, segments, offsets = template.arrange([next(pieces) for _ in pair], limit)
            encodings.append(Encoding(ids, segments, offsets, self.tokens(ids)))
        return encodings

    def pieces(self, texts: list[str]) -> list[Pieces]:
        """The ids of each text without special tokens and never cut, and their offsets.

        Half a character, which cannot be text, counts as U+FFFD.
        """
        try:
            return self._pieces_and_added(texts)
        except (TypeError, UnicodeEncodeError):  # what the libraries say to half a character
            cleaned = [_SURROGATES.sub("\ufffd", text) for text in texts]
            if cleaned == texts:
                raise
            return self._pieces_and_added(cleaned)

    def _pieces_and_added(self, texts: list[str]) -> list[Pieces]:
        """The added tokens of each text, and the pieces of what stands between them."""
        added = self.added
        if added is None or not any(map(added.may_be_in, texts)):
            return self._pieces(texts)
        parts = added.split(texts)
        cut = [
            [text[part.start : part.end] for part in parts_of if part.token_id is None]
            for text, parts_of in zip(texts, parts, strict=True)
        ]
        at_start = [bool(found) and found[0].token_id is None for found in parts]
        firsts = iter(self._pieces([c[0] for c, first in zip(cut, at_start, strict=True) if first]))
        later = [part for c, first in zip(cut, at_start, strict=True) for part in c[first:]]
        others = iter(self._pieces_behind_added(later))
        joined = []
        for parts_of in parts:
            ids: list[int] = []
            offsets: list[tuple[int, int]] = []
            for part in parts_of:
                if part.token_id is not None:
                    ids.append(part.token_id)
                    offsets.append((part.start, part.end))
                    continue
                found, spans = next(others if part.start else firsts)
                ids += found
                offsets += [(part.start + start, part.start + end) for start, end in spans]
            joined.append((ids, offsets))
        return joined

    def _pieces_behind_added(self, texts: list[str]) -> list[Pieces]:
        """The same as `_pieces`, of parts that stand behind an added token."""
        return self._pieces(texts)

    def arrays(self, texts: list[str]) -> Arrays:
        """The same for many texts, as arrays."""
        pieces = self.pieces(texts)
        counts = np.fromiter((len(ids) for ids, _ in pieces), np.int64, len(pieces))
        total = int(counts.sum())
        ids = np.fromiter(chain.from_iterable(ids for ids, _ in pieces), np.int64, total)
        flat = chain.from_iterable(chain.from_iterable(spans for _, spans in pieces))
        return Arrays(ids, np.fromiter(flat, np.int64, 2 * total).reshape(-1, 2), counts)

    @abstractmethod
    def _pieces(self, texts: list[str]) -> list[Pieces]:
        """The ids of each text without special tokens, and their offsets."""

    @abstractmethod
    def tokens(self, token_ids: Iterable[int]) -> list[str]:
        """The tokens of ids that the vocabulary has, as it has them."""

    @abstractmethod
    def decode(self, token_ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        """Readable text.

        An id that the vocabulary does not have is no text: many models have more rows than
        tokens, and may produce one of them.

        Raises:
            ValueError: an id is negative.
        """

    def text_stream(self, *, skip_special_tokens: bool = True) -> TextStream:
        """Decodes a text while it is generated, id by id."""
        return WindowStream(partial(self.decode, skip_special_tokens=skip_special_tokens))

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Writes the tokenizer's files into a folder, for us and for Hugging Face's tools."""

    def keep(self, token_ids: Iterable[int], compounds: Iterable[Sequence[int]] = ()) -> Tokenizer:
        """A tokenizer with these tokens only, numbered in this order, for a smaller model.

        Args:
            token_ids: The old ids.
            compounds: New tokens behind them, each the text that some old ids spell.

        Raises:
            VocabularyError: this kind of vocabulary cannot be cut, or has no compounds.
        """
        raise VocabularyError("Tokens cannot be left out of this kind of vocabulary.")

    @property
    @abstractmethod
    def kind(self) -> str:
        """What the field calls it, for a person to read."""

    @property
    @abstractmethod
    def vocabulary_size(self) -> int:
        """How many rows the table of a model needs: the highest id and one."""

    @property
    def pad_token_id(self) -> int:
        return self.special_id("pad")

    @property
    def unknown_token_id(self) -> int:
        return self.special_id("unk")

    @property
    def bos_token_id(self) -> int:
        return self.special_id("bos")

    @property
    def eos_token_id(self) -> int:
        return self.special_id("eos")

    @property
    def cls_token_id(self) -> int:
        return self.special_id("cls")

    @property
    def sep_token_id(self) -> int:
        return self.special_id("sep")

    @property
    def mask_token_id(self) -> int:
        return self.special_id("mask")

    def special_id(self, purpose: str) -> int:
        """The id of a special token that cannot be done without.

        Raises:
            VocabularyError: the vocabulary has none for this purpose.
        """
        if purpose not in self.special_ids:
            has = ", ".join(self.special_ids) or "none at all"
            raise VocabularyError(
                f"This vocabulary has no special token for {purpose!r}.  It has: {has}."
            )
        return self.special_ids[purpose]


def checked_ids(token_ids: Iterable[int]) -> list[int]:
    """`token_ids` as a list of Python's integers, none of them negative."""
    ids = [int(token_id) for token_id in token_ids]
    if any(token_id < 0 for token_id in ids):
        raise ValueError(f"Token ids are 0 or more; {min(ids)} is not.")
    return ids


def _is_text_or_pair(pair: object) -> bool:
    return (
        isinstance(pair, tuple | list)
        and len(pair) in (1, 2)
        and all(isinstance(text, str) for text in pair)
    )
