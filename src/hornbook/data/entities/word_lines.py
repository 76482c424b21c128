"""Segmented text: a sentence per line, words with spaces between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hornbook.data.entities.tagged_text import WORD, Entity, TaggedText
from hornbook.data.entities.units import is_cjk
from hornbook.data.readers.problems import Problems


def looks_like_words(lines: Sequence[str]) -> bool:
    """Whether the first lines of a file are Chinese text with spaces between its words."""
    text = "".join(lines)
    letters = sum(map(is_cjk, text))
    spaces = sum(len(line.split()) - 1 for line in lines if line.strip())
    return letters > 0 and spaces >= letters / 10


def read_words(
    lines: Iterable[tuple[int, str]], name: str, problems: Problems
) -> Iterator[TaggedText]:
    """Reads the sentences of a segmented file; blank lines are skipped."""
    for number, line in lines:
        words = line.split()
        if not words:
            continue
        entities, length = [], 0
        for word in words:
            entities.append(Entity(length, length + len(word), WORD))
            length += len(word)
        yield TaggedText("".join(words), tuple(entities), f"{name}:{number}")
