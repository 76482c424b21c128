"""Rows with a text and its relations, as contests and annotation tools write them.

    {"text": ..., "spo_list": [{"subject": ..., "predicate": ..., "object": ...}]}    DuIE
    {"text": ..., "triple_list": [[subject, predicate, object], ...]}     NYT, WebNLG
    {"text": ..., "relations": [{"subject": {"start": 0, "end": 2}, "predicate": ...,
                                 "object": {"start": 5, "end": 7}}]}

The list may have any of these names and any of these relations in it.  Subject and object are
strings, which are looked for in the text (see `mentions`), or offsets, as `{"start", "end"}` or
`[start, end]`.  With a `text` beside the offsets it decides for the whole file whether ends are
included; without any, the end is the first character after the mention.

The object of DuIE 2.0 has slots, `{"@value": "1亿", "inArea": "美国"}`.  Each is a relation of the
subject: that of `@value` has the predicate itself, `票房`, each other one `票房/inArea`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hornbook.data.entities.offsets import Offsets, checked_span, is_index, labeled_texts
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.text_rows import text_of
from hornbook.data.relations.mentions import Mentions
from hornbook.data.relations.related_text import RelatedText, Relation, Span, Triple, Unplaced

RELATION_KEYS = ("relations", "spo_list", "triple_list", "triples")
SUBJECTS = ("subject", "head")
PREDICATES = ("predicate", "relation", "type")
OBJECTS = ("object", "tail")
VALUE = "@value"  # the main slot of an object
EXPECTED = 'expected [subject, predicate, object] or {"subject", "predicate", "object"}'


class _RawRelation(NamedTuple):
    """A relation as it is in the file."""

    subject: str | Offsets
    predicate: str
    object: str | Offsets


def read_rows(
    rows: Iterable[tuple[str, Mapping[str, Any]]], name: str, problems: Problems
) -> Iterator[RelatedText]:
    """Reads the rows of a file.

    Args:
        rows: Place of each row, `file:line`, and the row.
        name: Of the file, for messages.
        problems: Gets what is wrong with the rows.
    """
    read, included = labeled_texts(
        rows,
        text_of=text_of,
        labels_of=_raw_relations,
        offsets_of=_offsets_of,
        name=name,
        what="a mention",
        problems=problems,
    )
    for where, text, raw, row in read:
        yield _related(text, raw, where, included, problems, row)


def _offsets_of(relations: list[_RawRelation]) -> Iterator[Offsets]:
    for one in relations:
        for place in (one.subject, one.object):
            if isinstance(place, Offsets):
                yield place


def _related(
    text: str,
    raw: list[_RawRelation],
    where: str,
    included: bool,
    problems: Problems,
    row: Mapping[str, Any],
) -> RelatedText:
    """Finds the places of relations in their text."""
    mentions = Mentions(text)
    relations: set[Relation] = set()
    unplaced: dict[Triple, Unplaced] = {}
    for one in raw:
        if isinstance(one.subject, str) and isinstance(one.object, str):
            place = mentions.place(Triple(one.subject, one.predicate, one.object))
            if isinstance(place, Relation):
                relations.add(place)
            else:
                unplaced.setdefault(place.triple, place)
            continue
        spans = [
            _checked(mention, one, text, where, included, problems)
            for mention in (one.subject, one.object)
        ]
        if None not in spans:
            subject, target = (span for span in spans if span is not None)
            relations.add(Relation(subject, one.predicate, target))
    return RelatedText(
        text,
        tuple(sorted(relations)),
        where,
        tuple(sorted(unplaced.values())),
        any(isinstance(one.subject, Offsets) for one in raw),
        {key: value for key, value in row.items() if key not in ("text", "relations")},
    )


def _raw_relations(
    row: Mapping[str, Any], where: str, problems: Problems
) -> list[_RawRelation] | None:
    key = next((key for key in RELATION_KEYS if key in row), None)
    if key is None:
        problems.add(where, f"no relations; {EXPECTED} in a list 'relations', which may be empty")
        return None
    value = row[key]
    if value is None:
        return []
    if not isinstance(value, list):
        problems.add(where, f"{key!r} is {value!r:.60}; {EXPECTED}, in a list")
        return None
    relations: list[_RawRelation] = []
    for one in value:
        parts = _parts(one, where, problems)
        if parts is None:
            return None
        relations += parts
    return relations


def _parts(value: Any, where: str, problems: Problems) -> list[_RawRelation] | None:
    """Reads one element of the list: a relation, or one per slot of its object."""
    if isinstance(value, Mapping):
        subject, predicate, target = (
            next((value[key] for key in keys if key in value), None)
            for keys in (SUBJECTS, PREDICATES, OBJECTS)
        )
    elif isinstance(value, list | tuple) and len(value) == 3:
        subject, predicate, target = value
    else:
        problems.add(where, f"the relation {value!r:.80}; {EXPECTED}")
        return None
    if not isinstance(predicate, str) or not predicate.strip():
        problems.add(where, f"the predicate of {value!r:.80} is {predicate!r:.40}; expected a word")
        return None
    predicate = predicate.strip()
    slots: Mapping[str, Any] = {VALUE: target}
    if isinstance(target, Mapping) and VALUE in target:
        filled = {name: slot for name, slot in target.items() if slot not in (None, "")}
        slots = {VALUE: target[VALUE], **filled}
    parts = []
    for slot, mention in slots.items():
        places = [_mention(one) for one in (subject, mention)]
        name = predicate if slot == VALUE else f"{predicate}/{slot}"
        raw = [place for place in places if place is not None]
        if len(raw) < 2 or isinstance(raw[0], str) != isinstance(raw[1], str):
            expected = 'expected two strings, or two of {"start": ..., "end": ...}'
            problems.add(where, f"subject and object of {value!r:.80}; {expected}")
            return None
        parts.append(_RawRelation(raw[0], name, raw[1]))
    return parts


def _mention(value: Any) -> str | Offsets | None:
    """Reads a subject or an object; None if it is neither a string nor offsets."""
    if isinstance(value, str):
        return value.strip() or None
    text = None
    if isinstance(value, Mapping):
        text = value.get("text")
        value = [value.get("start"), value.get("end")]
    if not (isinstance(value, list | tuple) and len(value) == 2):
        return None
    if not all(map(is_index, value)):
        return None
    start, end = value
    return Offsets(start, end, text if isinstance(text, str) else None)


def _checked(
    mention: str | Offsets,
    relation: _RawRelation,
    text: str,
    where: str,
    included: bool,
    problems: Problems,
) -> Span | None:
    """Returns a mention with an excluded end, or adds what is wrong with its offsets."""
    assert isinstance(mention, Offsets)  # both are, or both are strings
    what = f"{relation.predicate!r:.40}: the mention"
    span = checked_span(mention, text, included=included, what=what, where=where, problems=problems)
    return None if span is None else Span(*span)
