"""Tags of tokens <-> spans of tokens: BIO, IOB1, BMES, BIOES, BILOU, and tags without a prefix.

A tag is a prefix and a type, `B-PER`, `B_PER` or `PER-B`; only a prefix where there are no types,
as in word segmentation; or `O`.  The prefixes of a file decide its scheme.  In IOB1, as CoNLL-2003
is distributed, `B-` only separates two adjacent entities of one type.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from hornbook.data.entities.tagged_text import WORD
from hornbook.errors import DataError

OUTSIDE = "O"
BEGIN, INSIDE, END, SINGLE = "B", "IM", "EL", "SUW"
_PREFIXES = BEGIN + INSIDE + END + SINGLE
_FIRST = re.compile(rf"([{_PREFIXES}])(?:[-_:](.+))?$")
_LAST = re.compile(rf"(.+)[-_:]([{_PREFIXES}])$")


class Tag(NamedTuple):
    """A tag: `prefix` of one letter, "" without one; `type` "" outside of entities."""

    prefix: str
    type: str


class TokenSpan(NamedTuple):
    """Tokens `first` to `last`, both included, of one type."""

    first: int
    last: int
    type: str


@functools.lru_cache(maxsize=4096)
def parse_tag(tag: str) -> Tag:
    """Splits a tag into prefix and type."""
    if tag in (OUTSIDE, "o"):
        return Tag(OUTSIDE, "")
    if match := _FIRST.match(tag):
        return Tag(match.group(1), match.group(2) or WORD)
    if match := _LAST.match(tag):
        return Tag(match.group(2), match.group(1))
    return Tag("", tag)


def scheme_of(sentences: Iterable[Sequence[Tag]]) -> str:
    """Returns the scheme of a file: `BIO`, `IOB1`, `BMES`, `BIOES`, `BILOU`, `BIOE` or `IO`.

    Raises:
        DataError: some tags have a prefix and some have none.
    """
    prefixes: set[str] = set()
    inside = begin = 0  # entities that touch none of their type before and begin with this
    for tags in sentences:
        previous = Tag(OUTSIDE, "")
        for tag in tags:
            prefixes.add(tag.prefix)
            touches = previous.type == tag.type
            if tag.prefix and not touches:
                inside += tag.prefix in INSIDE
                begin += tag.prefix == BEGIN
            previous = tag
    prefixes.discard(OUTSIDE)
    if prefixes == {""}:
        return "IO"
    if "" in prefixes:
        raise DataError("some tags have a prefix, as B-PER, and some have none")
    if prefixes & set("LU"):
        return "BILOU"
    if prefixes & set("SW"):
        return "BMES" if "M" in prefixes else "BIOES"
    if "E" in prefixes:
        return "BIOE"
    return "IOB1" if inside > begin else "BIO"


def spans_of(tags: Sequence[Tag], scheme: str) -> tuple[list[TokenSpan], list[tuple[int, str]]]:
    """Returns the spans of a sentence, and what contradicts the scheme.

    Args:
        tags: Of the tokens of one sentence.
        scheme: See `scheme_of`.

    Returns:
        The spans, in order; index of a token and what is wrong with its tag.
    """
    marks_ends = scheme in ("BMES", "BIOES", "BILOU", "BIOE")
    unfinished = INSIDE if scheme == "BIOE" else BEGIN + INSIDE
    continues_alone = scheme in ("IO", "IOB1")  # an inside tag may begin an entity
    spans: list[TokenSpan] = []
    problems: list[tuple[int, str]] = []
    opened: int | None = None  # index of the first token of the entity that is open

    def close(last: int) -> None:
        nonlocal opened
        if opened is None:
            return
        if marks_ends and tags[last].prefix in unfinished:
            problems.append((last, "is not followed by the end of its entity"))
        spans.append(TokenSpan(opened, last, tags[last].type))
        opened = None

    for index, (prefix, kind) in enumerate(tags):
        if opened is not None and not _continues(tags[index - 1], prefix, kind):
            close(index - 1)
        if prefix == OUTSIDE:
            continue
        if opened is None:
            if prefix and prefix in INSIDE + END and not continues_alone:
                problems.append((index, "does not continue an entity"))
            opened = index
        if prefix and prefix in END + SINGLE:
            spans.append(TokenSpan(opened, index, kind))
            opened = None
    close(len(tags) - 1)
    return spans, problems


def _continues(previous: Tag, prefix: str, kind: str) -> bool:
    """Whether a tag belongs to the entity of the one before, which is not its end."""
    return kind == previous.type and (prefix == "" or prefix in INSIDE + END)


def bioes(length: int, spans: Iterable[TokenSpan]) -> list[str]:
    """Returns the BIOES tags of a sentence, `O` outside of the spans, which must not overlap."""
    tags = [OUTSIDE] * length
    for first, last, kind in spans:
        if first == last:
            tags[first] = f"S-{kind}"
            continue
        tags[first : last + 1] = [f"B-{kind}", *[f"I-{kind}"] * (last - first - 1), f"E-{kind}"]
    return tags


def bioes_tags(types: Iterable[str], *, outside: bool = True) -> list[str]:
    """Returns all tags of these types."""
    return [OUTSIDE] * outside + [f"{prefix}-{kind}" for kind in types for prefix in "BIES"]


def legal_pairs(tags: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yields the indices of BIOES tags that may follow each other."""
    for i, before in enumerate(map(parse_tag, tags)):
        for j, after in enumerate(map(parse_tag, tags)):
            inside = before.prefix in ("B", "I")
            if (after.prefix in ("I", "E")) == inside and (not inside or before.type == after.type):
                yield i, j
