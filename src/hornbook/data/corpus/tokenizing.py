"""Tokenizes texts, with the positions where documents, words and sentences begin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from hornbook.data.corpus.boundaries import (
    Starts,
    is_space,
    sentence_starts,
    token_starts,
    word_starts_of,
)
from hornbook.data.corpus.token_shards import token_dtype


class CutsTexts(Protocol):
    """The interface of a tokenizer that is needed here; those of `hornbook.text` have it."""

    special_ids: dict[str, int]

    @property
    def vocabulary_size(self) -> int: ...
    def pieces(self, texts: list[str]) -> Any: ...
    def arrays(self, texts: list[str]) -> Any: ...
    def encode(self, first: str, /) -> Any: ...
    def tokens(self, token_ids: Iterable[int]) -> list[str]: ...
    def save(self, folder: Any) -> None: ...


class Tokenized(NamedTuple):
    """Some tokenized documents.

    Attributes:
        token_ids, document_starts, word_starts, sentence_starts: As in a `Shard`, the last two as
            booleans.
        counts: Numbers of `characters`, `bytes`, `words`, `sentences`, `unknown` tokens,
            `left_out` characters (in no token, white space aside) and `empty` documents.
    """

    token_ids: np.ndarray
    document_starts: np.ndarray
    word_starts: np.ndarray
    sentence_starts: np.ndarray
    counts: dict[str, int]


class ShardTokenizer:
    """Tokenizes the texts of a corpus.

    Args:
        tokenizer: The tokenizer of the model.
        words: See `word_starts_of`.
    """

    def __init__(self, tokenizer: CutsTexts, words: str) -> None:
        self.tokenizer = tokenizer
        self.words: Starts = word_starts_of(words)
        self.dtype = token_dtype(tokenizer.vocabulary_size)
        self.unknown = tokenizer.special_ids.get("unk", -1)

    def __call__(self, texts: Sequence[str]) -> Tokenized:
        """Tokenizes documents; those without tokens are dropped and counted."""
        token_ids, spans, counts = self.tokenizer.arrays(list(texts))
        token_ids = token_ids.astype(self.dtype)
        # joined from here on, which is faster; a line end separates words
        joined = "\n".join(texts)
        sizes = np.array([len(text) + 1 for text in texts], np.int64)
        spans = spans + np.repeat(np.cumsum(sizes) - sizes, counts)[:, None]
        document_starts = (np.cumsum(counts) - counts)[counts > 0]
        words = token_starts(self.words(joined), spans[:, 1])
        sentences = token_starts(sentence_starts(joined), spans[:, 1])
        words[document_starts] = sentences[document_starts] = True
        statistics = {
            "characters": len(joined) - len(texts) + 1,
            "bytes": len(joined.encode("utf-8", "surrogatepass")) - len(texts) + 1,
            "words": int(words.sum()),
            "sentences": int(sentences.sum()),
            "unknown": int((token_ids == self.unknown).sum()),
            "left_out": _characters_outside(joined, spans),
            "empty": int((counts == 0).sum()),
        }
        return Tokenized(token_ids, document_starts, words, sentences, statistics)


def _characters_outside(text: str, spans: np.ndarray) -> int:
    """Counts characters in no token, white space aside: mostly control characters."""
    begin, end = (np.bincount(spans[:, side], minlength=len(text) + 1) for side in (0, 1))
    outside = np.cumsum(begin - end)[:-1] == 0
    return int((outside & ~is_space(text)).sum())


_shard_tokenizer: ShardTokenizer | None = None  # of this process


def begin(tokenizer: CutsTexts, words: str) -> None:
    """Sets the tokenizer of `tokenize` in this process."""
    global _shard_tokenizer
    _shard_tokenizer = ShardTokenizer(tokenizer, words)


def tokenize(texts: Sequence[str]) -> Tokenized:
    """Tokenizes some documents."""
    assert _shard_tokenizer is not None, "call begin() first"
    return _shard_tokenizer(texts)
