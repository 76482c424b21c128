"""The interface of all tokenizers."""

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

BARE = Template.written("$A", "$A $B:1")
_SURROGATES = re.compile("[\ud800-\udfff]")


class Encoding(NamedTuple):
    """An encoded text or pair.  All four lists have the same length.

    Attributes:
        token_ids: Ids of the text with special tokens: `[CLS] first [SEP] second [SEP]`.
        segment_ids: Segment of each token, by the tokenizer's template.
        offsets: `text[start:end]` is the source of the token, in characters of its original text;
            None for the special tokens around it.
        tokens: The tokens, as written in the vocabulary.
    """

    token_ids: list[int]
    segment_ids: list[int]
    offsets: list[tuple[int, int] | None]
    tokens: list[str]


class Arrays(NamedTuple):
    """Many concatenated texts without special tokens.

    Attributes:
        token_ids: `(tokens,)` int64.
        spans: `(tokens, 2)` int64: start and end of each in its text.
        counts: `(texts,)` int64: number of tokens of each text.
    """

    token_ids: np.ndarray
    spans: np.ndarray
    counts: np.ndarray


class Tokenizer(ABC):
    """Strings <-> ids, for any kind of vocabulary.

    Args:
        template: Positions of the special tokens.
        special_ids: Ids of the special tokens of this vocabulary by purpose: `"pad"`, `"unk"`,
            `"bos"`, `"eos"`, `"cls"`, `"sep"`, `"mask"`.
        max_length: Default of `encode`.  Defaults to no truncation.
        add_special_tokens: Default of `encode`.  GPT2_ML is used without.
        added: Tokens that are found in a text before it is tokenized.  Defaults to none, or to
            those that the subclass handles itself.
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
        """Encodes a text or a pair of texts; see `encode_batch`."""
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

        A pair that is too long loses tokens from the end of the longer text, one by one; if both
        are equally long, from the second.  Special tokens are never truncated.

        Args:
            texts: Texts, or pairs of texts.
            max_length: Maximum number of tokens, special ones included.  Defaults to the
                tokenizer's `max_length`.
            add_special_tokens: Whether to add special tokens.  Defaults to the tokenizer's.

        Raises:
            ValueError: `max_length` leaves no room for the special tokens.
            VocabularyError: a pair, but the tokenizer has no template for pairs.
        """
        if isinstance(texts, str | bytes):  # else each character would be a text
            raise TypeError("encode_batch takes a list of texts; encode takes one.")
        pairs = [(text,) if isinstance(text, str) else text for text in texts]
        if not all(_is_text_or_pair(pair) for pair in pairs):
            raise TypeError("Each of the texts must be a str or a pair of str.")
        if add_special_tokens is None:
            add_special_tokens = self.add_special_tokens
        template = self.template if add_special_tokens else BARE
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
        """Returns ids and offsets of each text, without special tokens and never truncated.

        A lone surrogate, which is not valid text, counts as U+FFFD.
        """
        try:
            return self._pieces_and_added(texts)
        except (TypeError, UnicodeEncodeError):  # raised by the libraries for lone surrogates
            cleaned = [_SURROGATES.sub("\ufffd", text) for text in texts]
            if cleaned == texts:
                raise
            return self._pieces_and_added(cleaned)

    def _pieces_and_added(self, texts: list[str]) -> list[Pieces]:
        """Returns the added tokens of each text, and the pieces of the text between them."""
        added = self.added
        if added is None or not any(map(added.may_be_in, texts)):
            return self._pieces(texts)
        parts = added.split(texts)
        cut = [
            [text[part.start : part.end] for part in parts_of if part.token_id is None]
            for text, parts_of in zip(texts, parts, strict=True)
        ]
        at_start = [bool(of_text) and of_text[0].token_id is None for of_text in parts]
        firsts = iter(self._pieces([c[0] for c, first in zip(cut, at_start, strict=True) if first]))
        later = [part for c, first in zip(cut, at_start, strict=True) for part in c[first:]]
        others = iter(self._pieces_after_added(later))
        joined = []
        for parts_of in parts:
            ids: list[int] = []
            offsets: list[tuple[int, int]] = []
            for part in parts_of:
                if part.token_id is not None:
                    ids.append(part.token_id)
                    offsets.append((part.start, part.end))
                    continue
                pieces, spans = next(others if part.start else firsts)
                ids += pieces
                offsets += [(part.start + start, part.start + end) for start, end in spans]
            joined.append((ids, offsets))
        return joined

    def _pieces_after_added(self, texts: list[str]) -> list[Pieces]:
        """Like `_pieces`, for parts that follow an added token."""
        return self._pieces(texts)

    def arrays(self, texts: list[str]) -> Arrays:
        """Like `pieces`, as arrays."""
        pieces = self.pieces(texts)
        counts = np.fromiter((len(ids) for ids, _ in pieces), np.int64, len(pieces))
        total = int(counts.sum())
        ids = np.fromiter(chain.from_iterable(ids for ids, _ in pieces), np.int64, total)
        flat = chain.from_iterable(chain.from_iterable(spans for _, spans in pieces))
        return Arrays(ids, np.fromiter(flat, np.int64, 2 * total).reshape(-1, 2), counts)

    @abstractmethod
    def _pieces(self, texts: list[str]) -> list[Pieces]:
        """Returns ids and offsets of each text, without special tokens."""

    @abstractmethod
    def tokens(self, token_ids: Iterable[int]) -> list[str]:
        """Returns the tokens of ids, as written in the vocabulary."""

    @abstractmethod
    def decode(self, token_ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        """Decodes ids to text.

        Ids beyond the vocabulary give no text: many models have more rows than tokens, and may
        generate one of them.

        Raises:
            ValueError: an id is negative.
        """

    def text_stream(self, *, skip_special_tokens: bool = True) -> TextStream:
        """Decodes a text while it is generated, id by id."""
        return WindowStream(partial(self.decode, skip_special_tokens=skip_special_tokens))

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Writes the tokenizer's files to a folder, readable by hornbook and Hugging Face."""

    def keep(self, token_ids: Iterable[int], compounds: Iterable[Sequence[int]] = ()) -> Tokenizer:
        """Returns a tokenizer with only these tokens, in this order, for a smaller model.

        Args:
            token_ids: The old ids.
            compounds: New tokens after them, each the text of a sequence of old ids.

        Raises:
            VocabularyError: this kind of vocabulary cannot be pruned, or has no compounds.
        """
        raise VocabularyError("Tokens cannot be removed from this kind of vocabulary.")

    @property
    @abstractmethod
    def kind(self) -> str:
        """The common name of this kind of tokenizer."""

    @property
    @abstractmethod
    def vocabulary_size(self) -> int:
        """Number of embedding rows that a model needs: the highest id plus one."""

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
        """Returns the id of a required special token.

        Raises:
            VocabularyError: the vocabulary has no such token.
        """
        if purpose not in self.special_ids:
            has = ", ".join(self.special_ids) or "none at all"
            raise VocabularyError(
                f"This vocabulary has no special token for {purpose!r}.  It has: {has}."
            )
        return self.special_ids[purpose]


def checked_ids(token_ids: Iterable[int]) -> list[int]:
    """Returns `token_ids` as a list of Python integers; raises ValueError if one is negative."""
    ids = [int(token_id) for token_id in token_ids]
    if any(token_id < 0 for token_id in ids):
        raise ValueError(f"Token ids must be 0 or more, not {min(ids)}.")
    return ids


def _is_text_or_pair(pair: object) -> bool:
    return (
        isinstance(pair, tuple | list)
        and len(pair) in (1, 2)
        and all(isinstance(text, str) for text in pair)
    )
