"""Segmented text: a sentence per line, words with spaces between them.

A word may be followed by its part of speech, `word/n` or `word_NN`, as in the People's Daily of
1998, where brackets also join the words of a name: `[word/n word/n]nt`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from hornbook.data.entities.tag_columns import MOSTLY
from hornbook.data.entities.tagged_text import WORD, Entity, TaggedText
from hornbook.data.entities.units import is_cjk
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.text_lines import note_once

EXAMINED = 200  # lines that the format is recognized by
_WITH_PART_OF_SPEECH = re.compile(r"\[?(.+?)[/_]([A-Za-z]+)(?:\][/_]?[A-Za-z]*)?$")


def looks_like_words(lines: Sequence[str]) -> bool:
    """Whether the first lines of a file are Chinese text with spaces between its words."""
    text = "".join(lines)
    letters = sum(map(is_cjk, text))
    spaces = sum(len(line.split()) - 1 for line in lines if line.strip())
    return letters > 0 and spaces >= letters / 10


def read_words(
    lines: Iterable[tuple[int, str]], name: str, problems: Problems
) -> Iterator[TaggedText]:
    """Reads the sentences of a segmented file; blank lines are skipped.

    Args:
        lines: Numbered lines.
        name: Of the file, for messages.
        problems: Gets words without a part of speech, in a file where the others have one.
    """
    lines = iter(lines)
    first = list(islice(lines, EXAMINED))
    examined = [word for _, line in first for word in line.split()]
    tags = [match[2] for word in examined if (match := _WITH_PART_OF_SPEECH.match(word))]
    has_tags = bool(tags) and len(tags) >= MOSTLY * len(examined)
    if has_tags and set(tags) <= set("BMEIOS"):
        problems.add(
            name,
            "tags after each character, as in 'x/B'; expected a character and its tag per line",
        )
        return
    if has_tags:
        note_once(f"{name}: words with their parts of speech, which are left out")
    for number, line in chain(first, lines):
        words = line.split()
        if not words:
            continue
        if has_tags:
            matches = [_WITH_PART_OF_SPEECH.match(word) for word in words]
            if None in matches:
                word = words[matches.index(None)]
                problems.add(f"{name}:{number}", f"{word!r} has no part of speech, as in 'word/n'")
                continue
            words = [match[1] for match in matches if match]
        entities, length = [], 0
        for word in words:
            entities.append(Entity(length, length + len(word), WORD))
            length += len(word)
        yield TaggedText("".join(words), tuple(entities), f"{name}:{number}")
