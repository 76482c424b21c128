"""Tokenizes much text at once: each distinct word once, the rest with arrays.

BERT's tokenizer splits at white space and around punctuation and Chinese characters, regardless of
context.  Where that is certain, the text is split here by one regular expression; the parts between
go to the tokenizer itself once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain

import numpy as np

from hornbook.text.template import Pieces

_MAXIMUM_WORDS = 200_000  # in the cache
_SPACE, _CHINESE, _SYMBOLS = " \t\n\r\u3000", "\u4e00-\u9fff", "!-/:-@\\[-`{-~"
_PARTS = re.compile(f"[{_SPACE}]+|[{_CHINESE}]|[{_SYMBOLS}]|[^{_SPACE}{_CHINESE}{_SYMBOLS}]+")


class WordCache:
    """Tokenizes texts by the cached pieces of their words.

    Args:
        pieces: The tokenizer's function from texts to ids and offsets.
    """

    def __init__(self, pieces: Callable[[list[str]], list[Pieces]]) -> None:
        self._pieces = pieces
        self._known: dict[str, Pieces] = {}

    def cut(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ids of a text, `(tokens,)`, and their spans, `(tokens, 2)`, int64."""
        parts: list[str] = _PARTS.findall(text)
        numbers = {part: number for number, part in enumerate(dict.fromkeys(parts))}
        pieces = self._pieces_of(list(numbers))
        # the pieces of all distinct parts, concatenated
        counts = np.fromiter((len(ids) for ids, _ in pieces), np.int64, len(pieces))
        ids = np.fromiter(chain.from_iterable(ids for ids, _ in pieces), np.int64)
        flat = chain.from_iterable(chain.from_iterable(spans for _, spans in pieces))
        spans = np.fromiter(flat, np.int64).reshape(-1, 2)
        # index and position of each part of the text
        which = np.fromiter(map(numbers.__getitem__, parts), np.int64, len(parts))
        sizes = np.fromiter(map(len, parts), np.int64, len(parts))
        begins = np.cumsum(sizes) - sizes
        repeated = counts[which]
        first = (np.cumsum(counts) - counts)[which] - (np.cumsum(repeated) - repeated)
        places = np.repeat(first, repeated) + np.arange(repeated.sum())
        return ids[places], spans[places] + np.repeat(begins, repeated)[:, None]

    def _pieces_of(self, parts: list[str]) -> list[Pieces]:
        known = self._known
        new = [part for part in parts if part not in known]
        if len(known) + len(new) > _MAXIMUM_WORDS:
            known.clear()
            new = parts
        known.update(zip(new, self._pieces(new), strict=True))
        return [known[part] for part in parts]
