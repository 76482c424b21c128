"""Rows with a text and its entities, as the common annotation tools and contests write them.

    {"text": ..., "entities": [[start, end, type], ...]}      spaCy; also with named values, below
    {"text": ..., "label": {type: {name: [[first, last]]}}}   CLUENER, the last index included
    {"text": ..., "label": [[start, end, type], ...]}         doccano; `labels`, and `data`, too
    {"data": {"text": ...}, "annotations": [{"result": [...]}]}     Label Studio; its short form too
    {"tokens": [...], "tags": [...]}                          tags of any scheme; `ner_tags` too

An entity with named values has `start`, `end` and `type` (or `start_idx`, `start_offset`, `label`,
...), and may have its text, as `text`, `entity`, `name`, `word` or `mention`.  Whether ends are
included is decided by the texts beside the offsets; without any, the end is the first character
after the entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hornbook.data.entities.offsets import Offsets, checked_span, is_index, labeled_texts
from hornbook.data.entities.tag_columns import TaggedSentence, text_of_tokens, texts_of
from hornbook.data.entities.tag_schemes import parse_tag
from hornbook.data.entities.tagged_text import Entity, TaggedText
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.text_rows import checked_text

TEXT_KEYS = ("text", "content", "sentence", "data")
STARTS = ("start", "start_idx", "start_offset", "begin", "start_pos")
ENDS = ("end", "end_idx", "end_offset", "stop", "end_pos")
TYPES = ("type", "label", "labels", "entity_type", "tag", "entity_group", "category")
MENTIONS = ("text", "entity", "name", "word", "mention", "value", "surface")
ENTITY_KEYS = ("entities", "label", "labels", "spans", "annotations", "ner")
TAG_KEYS = ("tags", "ner_tags", "labels", "label")
EXPECTED = 'expected [start, end, type] or {"start": ..., "end": ..., "type": ...}'


class _Marked(NamedTuple):
    """An entity as it is in the file."""

    offsets: Offsets
    type: str


def read_rows(
    rows: Iterable[tuple[str, Mapping[str, Any]]], name: str, problems: Problems
) -> Iterator[TaggedText]:
    """Reads the rows of a file.

    Args:
        rows: Place of each row, `file:line`, and the row.
        name: Of the file, for messages.
        problems: Gets what is wrong with the rows.
    """
    sentences: list[TaggedSentence] = []

    def without_tokens() -> Iterator[tuple[str, Mapping[str, Any]]]:
        for where, row in rows:
            if not isinstance(row.get("tokens"), list):
                yield where, row
            elif (sentence := _tagged_tokens(row, where, problems)) is not None:
                sentences.append(sentence)

    read, included = labeled_texts(
        without_tokens(),
        text_of=text_of,
        labels_of=_entities_of,
        offsets_of=lambda entities: (one.offsets for one in entities),
        name=name,
        what="an entity",
        problems=problems,
    )
    for where, text, entities, row in read:
        extra = {key: value for key, value in row.items() if key not in ("text", "entities")}
        checked = [_checked(one, text, where, included, problems) for one in entities]
        spans = sorted({one for one in checked if one is not None})
        yield TaggedText(text, tuple(spans), where, extra)
    yield from texts_of(sentences, name, problems)


def is_row(row: Mapping[str, Any]) -> bool:
    """Whether an object has the text of a row."""
    text = next((row[key] for key in TEXT_KEYS if key in row), None)
    return isinstance(text, str | Mapping) or isinstance(row.get("tokens"), list)


def text_of(row: Mapping[str, Any], where: str, problems: Problems) -> str | None:
    """Returns the text of a row, or adds a problem and returns None."""
    tokens = row.get("tokens")
    if isinstance(tokens, list):
        return text_of_tokens(tokens) if _are_tokens(tokens, where, problems) else None
    for key in TEXT_KEYS:
        value = row.get(key)
        if isinstance(value, Mapping):  # Label Studio
            return text_of(value, where, problems)
        if value is not None:
            return checked_text(value, where, problems, key)
    return checked_text(None, where, problems)


def _entities_of(row: Mapping[str, Any], where: str, problems: Problems) -> list[_Marked] | None:
    key = next((key for key in ENTITY_KEYS if key in row), None)
    if key is None:
        problems.add(where, f"no entities; {EXPECTED} in a list 'entities', which may be empty")
        return None
    value = row[key]
    if isinstance(value, Mapping):
        return _of_names(value, where, problems)
    if value is None:
        return []
    if not isinstance(value, list):
        problems.add(where, f"{key!r} is {value!r:.60}; {EXPECTED}, in a list")
        return None
    if key == "annotations" and all(isinstance(x, Mapping) and "result" in x for x in value):
        # of several annotators the first whose annotation was not canceled
        kept = [one for one in value if not one.get("was_cancelled")]
        value = [x["value"] for x in (kept[0]["result"] if kept else []) if _is_span(x)]
    marked = [_marked(one, where, problems) for one in value]
    return None if None in marked else [one for one in marked if one is not None]


def _is_span(result: Any) -> bool:
    return isinstance(result, Mapping) and result.get("type", "labels") in (
        "labels",
        "hypertextlabels",
    )


def _of_names(types: Mapping[str, Any], where: str, problems: Problems) -> list[_Marked] | None:
    """Reads CLUENER's `{type: {name: [[first, last]]}}`."""
    marked = []
    for kind, names in types.items():
        if not isinstance(names, Mapping):
            problems.add(where, f"{kind!r} has {names!r:.60}; expected {{name: [[first, last]]}}")
            return None
        for name, places in names.items():
            for place in places if isinstance(places, list) else [places]:
                one = _marked([*place, kind] if isinstance(place, list) else place, where, problems)
                if one is None:
                    return None
                marked.append(one._replace(offsets=one.offsets._replace(text=str(name))))
    return marked


def _marked(value: Any, where: str, problems: Problems) -> _Marked | None:
    """Reads one entity."""
    start: Any
    end: Any
    kind: Any
    mention: Any = None
    if isinstance(value, Mapping):
        start, end, kind, mention = (
            next((value[key] for key in keys if key in value), None)
            for keys in (STARTS, ENDS, TYPES, MENTIONS)
        )
    elif isinstance(value, list) and len(value) in (3, 4):
        start, end, kind = value[:3]
        mention = value[3] if len(value) == 4 else None
    else:
        problems.add(where, f"the entity {value!r:.60}; {EXPECTED}")
        return None
    kinds = kind if isinstance(kind, list) else [kind]
    if len(kinds) != 1 or not isinstance(kinds[0], str) or not kinds[0].strip():
        problems.add(where, f"the type of the entity {value!r:.80} is {kind!r}; expected one word")
        return None
    if not (is_index(start) and is_index(end)):
        problems.add(where, f"the entity {value!r:.80} has no start and end; {EXPECTED}")
        return None
    text = mention if isinstance(mention, str) else None
    return _Marked(Offsets(start, end, text), kinds[0].strip())


def _checked(
    one: _Marked, text: str, where: str, included: bool, problems: Problems
) -> Entity | None:
    """Returns an entity with an excluded end, or adds what is wrong with its offsets."""
    span = checked_span(
        one.offsets,
        text,
        included=included,
        what=f"the {one.type}",
        where=where,
        problems=problems,
    )
    return None if span is None else Entity(*span, one.type)


def _tagged_tokens(row: Mapping[str, Any], where: str, problems: Problems) -> TaggedSentence | None:
    tokens = row["tokens"]
    tags = next((row[key] for key in TAG_KEYS if isinstance(row.get(key), list)), None)
    if not _are_tokens(tokens, where, problems):
        return None
    if tags is None or len(tags) != len(tokens) or not all(isinstance(x, str) for x in tags):
        expected = "'tags' holds as many names such as 'B-PER', not their indices"
        problems.add(where, f"{len(tokens)} tokens without a tag each; {expected}")
        return None
    return TaggedSentence([where] * len(tokens), tokens, [parse_tag(tag) for tag in tags], row)


def _are_tokens(tokens: list[Any], where: str, problems: Problems) -> bool:
    valid = bool(tokens) and all(isinstance(token, str) and token for token in tokens)
    if not valid:
        problems.add(where, "'tokens' is empty, or has an element that is not a text")
    return valid
