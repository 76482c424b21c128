"""Segments Chinese text, for models with words in the vocabulary (RoFormer, WoBERT, CPM)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hornbook.errors import require


def chinese_words(*, guess: bool = False) -> Callable[[str], list[str]]:
    """Returns the word segmenter these models were trained with: jieba.

    Args:
        guess: Whether to guess words that are not in the dictionary, as CPM needs; RoFormer and
            WoBERT were trained without.

    Raises:
        MissingExtraError: rjieba is not installed.

    Example:
        `WordPieceTokenizer("vocab.txt", pre_tokenize=chinese_words())`
    """
    return _ChineseWords(guess)


class _ChineseWords:
    """A word segmenter that can be pickled."""

    def __init__(self, guess: bool) -> None:
        self.guess = guess
        self._cut = require("rjieba", extra="chinese").cut

    def __call__(self, text: str) -> list[str]:
        words: list[str] = self._cut(text, hmm=self.guess)
        return words

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.guess,)


def words_and_gaps(text: str, words: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yields each word with its position in the text, and the gaps between words."""
    position = 0
    for word in words:
        start = text.find(word, position)
        if start < 0:
            raise ValueError(
                f"pre_tokenize returned {word!r}, which does not occur in the text after "
                f"character {position}.  It must split the text, not change it."
            )
        if start > position:
            yield position, text[position:start]
        if word:
            yield start, word
        position = start + len(word)
    if position < len(text):
        yield position, text[position:]
