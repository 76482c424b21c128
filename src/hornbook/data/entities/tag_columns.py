"""Files with a token per line and its tag in the last column: CoNLL, BIO, BMES and their like.

A blank line ends a sentence.  Columns are separated by tabs or spaces; there are two to four, the
token first.  `-DOCSTART-` lines and comments (`# ...`) are skipped.  Tokens of one character are
joined without spaces, words with one, except between Chinese characters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hornbook.data.entities.tag_schemes import OUTSIDE, Tag, parse_tag, scheme_of, spans_of
from hornbook.data.entities.tagged_text import Entity, TaggedText
from hornbook.data.entities.units import is_cjk
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.text_lines import note_once
from hornbook.errors import DataError

MAX_COLUMNS = 4
MOSTLY = 0.9  # share of a file's lines, words or tokens that decides what kind of file it is
TOLERATED = 0.01  # share of the entities that may contradict the scheme
_NUMBERED = re.compile(r".\d$")  # a character and its place in the word, as in Weibo NER
_DOCUMENT = "-DOCSTART-"


@dataclass
class TaggedSentence:
    """The tokens of a sentence with their tags, and the place of each, `file:line`; `extra` has
    the other keys of its row."""

    places: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    extra: Mapping[str, Any] = field(default_factory=dict)


def looks_like_columns(lines: Sequence[str]) -> bool:
    """Whether the first lines of a file hold a token and its tag each."""
    cells = [_cells(line) for line in lines if line.strip()]
    rows = [row for row in cells if row is not None]
    tagged = [row for row in rows if 2 <= len(row) <= MAX_COLUMNS]
    tags = Counter(row[-1] for row in tagged)
    # a line without its tag is an error of this file, not a sign that it is another kind of file
    if 2 * sum(count for tag, count in tags.items() if parse_tag(tag).prefix) > len(rows):
        return True
    # tags without a prefix: nearly always as many columns, and the same few tags again and again
    [(_, usual)] = Counter(map(len, tagged)).most_common(1) or [(0, 0)]
    return OUTSIDE in tags and usual >= MOSTLY * len(rows) and 5 * len(tags) <= len(rows)


def read_columns(
    lines: Iterable[tuple[int, str]], name: str, problems: Problems
) -> Iterator[TaggedText]:
    """Reads the sentences of a file; see `texts_of`.

    Args:
        lines: Numbered lines.
        name: Of the file, for messages.
        problems: Gets lines without a tag, and what `texts_of` finds.
    """
    yield from texts_of(list(_sentences(lines, name, problems)), name, problems)


def texts_of(
    sentences: Sequence[TaggedSentence], name: str, problems: Problems
) -> Iterator[TaggedText]:
    """Turns the tagged sentences of a file into texts; prints their tag scheme.

    Real files have a few tags that contradict their scheme.  Where they are at most 1 % of the
    entities, an inside tag that nothing begins begins an entity, as in `conlleval`, and an entity
    that nothing ends ends with its last tag; the number of them is printed.

    Args:
        sentences: All of the file, none empty.
        name: Of the file, for messages.
        problems: Gets the tags that contradict the scheme if there are more.
    """
    if not sentences:
        return
    tokens = [token for sentence in sentences for token in sentence.tokens]
    numbered = sum(bool(_NUMBERED.match(token)) for token in tokens) >= 0.99 * len(tokens)
    if numbered:
        tokens = [token[:1] for token in tokens]
    characters = _are_characters(tokens)
    try:
        scheme = scheme_of(sentence.tags for sentence in sentences)
    except DataError as error:
        problems.add(name, str(error))
        return
    what = "characters" if characters else "tokens"
    more = ", each followed by its place in the word" if numbered else ""
    note_once(f"{name}: {scheme} tags of {what}{more}")
    contradictions: list[tuple[str, str]] = []
    num_entities = 0
    texts = []
    for sentence in sentences:
        tokens = [token[:1] for token in sentence.tokens] if numbered else sentence.tokens
        text, starts = joined(tokens, spaces=not characters)
        spans, wrong = spans_of(sentence.tags, scheme)
        for index, what in wrong:
            tag = "-".join(sentence.tags[index])
            contradictions.append((sentence.places[index], f"the {scheme} tag {tag!r} {what}"))
        num_entities += len(spans)
        marked = (Entity(starts[a], starts[b] + len(tokens[b]), kind) for a, b, kind in spans)
        texts.append(TaggedText(text, tuple(sorted(marked)), sentence.places[0], sentence.extra))
    if len(contradictions) > TOLERATED * num_entities:
        for place, what in contradictions:
            problems.add(place, what)
        return
    if contradictions:
        place, what = contradictions[0]
        count = len(contradictions)
        note_once(
            f"{name}: {count:,} tag{'s contradict' if count > 1 else ' contradicts'} the scheme, "
            f"as {place}, where {what}; each is read as the border of an entity"
        )
    yield from texts


def text_of_tokens(tokens: Sequence[str]) -> str:
    """Returns the text of tokens: characters are joined without spaces, words with them."""
    return joined(tokens, spaces=not _are_characters(tokens))[0]


def _are_characters(tokens: Sequence[str]) -> bool:
    return sum(len(token) == 1 for token in tokens) >= MOSTLY * len(tokens)


def joined(tokens: Sequence[str], *, spaces: bool) -> tuple[str, list[int]]:
    """Returns the text of tokens, and where in it each begins.

    Args:
        tokens: The tokens.
        spaces: Whether to put spaces between tokens that are not Chinese.
    """
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    for token in tokens:
        before = parts[-1][-1:] if parts else ""
        if spaces and before and not is_cjk(before) and not is_cjk(token[:1]):
            parts.append(" ")
            length += 1
        starts.append(length)
        parts.append(token)
        length += len(token)
    return "".join(parts), starts


def _sentences(
    lines: Iterable[tuple[int, str]], name: str, problems: Problems
) -> Iterator[TaggedSentence]:
    sentence = TaggedSentence()
    for number, line in lines:
        line = line.rstrip("\r\n")
        if not line.strip() or line.startswith(_DOCUMENT):
            if sentence.tokens:
                yield sentence
            sentence = TaggedSentence()
            continue
        cells = _cells(line)
        if cells is None:
            continue
        if not 2 <= len(cells) <= MAX_COLUMNS:
            problems.add(
                f"{name}:{number}",
                f"{len(cells)} column{'s'[: len(cells) != 1]}; expected a token and its tag",
            )
            continue
        sentence.places.append(f"{name}:{number}")
        sentence.tokens.append(cells[0])
        sentence.tags.append(parse_tag(cells[-1]))
    if sentence.tokens:
        yield sentence


def _cells(line: str) -> list[str] | None:
    """Returns the cells of a line; None for a comment."""
    line = line.rstrip("\r\n")
    if "\t" in line:
        cells = [cell.strip(" ") for cell in line.split("\t")]
        cells[0] = line.split("\t")[0]  # the token may be a space
        cells = [cells[0], *(cell for cell in cells[1:] if cell)]
    else:
        cells = line.split()
        if len(cells) == 1 and line[:1].isspace():
            cells = [line[0], *cells]
    if line.startswith("# ") and (len(cells) > MAX_COLUMNS or not parse_tag(cells[-1]).prefix):
        return None
    cells[0] = cells[0] or " "
    return cells
