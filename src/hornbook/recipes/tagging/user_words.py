"""A user's words for segmentation: where one of them is in a text, it is a word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from hornbook.data.entities.tag_schemes import TokenSpan
from hornbook.data.entities.tagged_text import WORD
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.text_lines import text_lines
from hornbook.errors import DataError
from hornbook.recipes.spans.text_windows import Units


class UserWords:
    """Words that are never cut, and never joined with others.

    Args:
        words: The words.
    """

    def __init__(self, words: Iterable[str]):
        self.words = {word for word in words if word}
        self.longest = max(map(len, self.words), default=0)

    @classmethod
    def read(cls, file: str | Path) -> UserWords:
        """Reads a file with a word per line; what follows it in jieba's format is ignored.

        Raises:
            DataError: there is no such file, or no word in it.
        """
        problems = Problems()
        lines = list(text_lines(file, problems))
        problems.raise_if_any()
        words = cls(line.split()[0] for _, line in lines if line.split())
        if not words.words:
            raise DataError(f"{file} has no words; expected one per line.")
        return words

    def spans(self, text: str, units: Units) -> list[TokenSpan]:
        """Returns where the words are, as spans of units: from the left, the longest first."""
        starts = [start for start, _ in units.spans]
        index_of_end = {end: index for index, (_, end) in enumerate(units.spans)}
        spans: list[TokenSpan] = []
        index = 0
        while index < len(starts):
            last = self._longest(text, starts[index], index_of_end)
            if last is not None:
                spans.append(TokenSpan(index, last, WORD))
                index = last
            index += 1
        return spans

    def _longest(self, text: str, start: int, index_of_end: dict[int, int]) -> int | None:
        for end in range(min(start + self.longest, len(text)), start, -1):
            if end in index_of_end and text[start:end] in self.words:
                return index_of_end[end]
        return None


def as_user_words(words: str | Path | Sequence[str] | None) -> UserWords | None:
    """Makes user words of the name of a file, or of a list of words."""
    if words is None:
        return None
    return UserWords.read(words) if isinstance(words, str | Path) else UserWords(words)
