"""Rows with a text and its events, as contests write them.

    {"text": ..., "event_list": [{"event_type": ..., "trigger": ..., "trigger_start_index": 4,
        "arguments": [{"role": ..., "argument": ..., "argument_start_index": 0}]}]}      DuEE
    {"content": ..., "events": [{"type": ..., "mentions": [
        {"role": "trigger", "word": ..., "span": [4, 6]}]}]}                             FewFC
    {"text": ..., "events": [{"type": ..., "trigger": {"start": 4, "end": 6, "text": ...},
        "arguments": [{"role": ..., "start": 0, "end": 3}]}]}

Any list may have any of these events in it, and any event may be without a trigger.  A mention is a
string with its first index, two offsets, or a string alone, which is looked for in the text (see
`Mentions`), where it is nearest to the trigger.  With a text beside two offsets it decides for the
whole file whether ends are included; without any, the end is the first character after the mention.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hornbook.data.entities.offsets import Offsets, checked_span, is_index, labeled_texts
from hornbook.data.events.event_text import TRIGGER, Argument, Event, EventText, Lost
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.text_rows import text_of
from hornbook.data.relations.mentions import Mentions
from hornbook.data.relations.related_text import Span

EVENT_KEYS = ("events", "event_list")
TYPES = ("type", "event_type")
ARGUMENT_KEYS = ("arguments", "mentions")
TEXTS = ("text", "argument", "word")
STARTS = ("start", "argument_start_index")
EXPECTED = 'expected {"type": ..., "trigger": ..., "arguments": [...]}'
EXPECTED_ARGUMENT = 'expected {"role": ..., "start": ..., "end": ...}, or a "text" in their place'


class _RawMention(NamedTuple):
    """An argument or a trigger as it is in the file.

    Attributes:
        role: Its role.
        place: Its offsets, or a string.
        has_end: Whether the end is given, not only the start, as in DuEE.
    """

    role: str
    place: Offsets | str
    has_end: bool


class _RawEvent(NamedTuple):
    """An event as it is in the file."""

    type: str
    mentions: list[_RawMention]


def read_rows(
    rows: Iterable[tuple[str, Mapping[str, Any]]], name: str, problems: Problems
) -> Iterator[EventText]:
    """Reads the rows of a file.

    Args:
        rows: Place of each row, `file:line`, and the row.
        name: Of the file, for messages.
        problems: Gets what is wrong with the rows.
    """
    read, included = labeled_texts(
        rows,
        text_of=text_of,
        labels_of=_raw_events,
        offsets_of=_offsets_with_ends,
        name=name,
        what="an argument",
        problems=problems,
    )
    for where, text, raw, row in read:
        mentions = Mentions(text)
        placed = [_placed(one, mentions, included, where, problems) for one in raw]
        events = tuple(sorted({one for one in placed if one is not None}))
        extra = {key: value for key, value in row.items() if key not in ("text", "events")}
        yield EventText(text, events, where, extra)


def _offsets_with_ends(events: list[_RawEvent]) -> Iterator[Offsets]:
    for event in events:
        for _, place, has_end in event.mentions:
            if isinstance(place, Offsets) and has_end:
                yield place


def _placed(
    event: _RawEvent, mentions: Mentions, included: bool, where: str, problems: Problems
) -> Event | None:
    """Finds the places of the arguments of an event; None, with problems, if some are wrong."""
    arguments: list[Argument] = []
    names: list[tuple[str, str]] = []  # roles and strings
    for role, place, has_end in event.mentions:
        if isinstance(place, str):
            names.append((role, place))
            continue
        span = checked_span(
            place,
            mentions.text,
            included=included and has_end,
            what=f"the {role} of {event.type!r:.40}",
            where=where,
            problems=problems,
        )
        if span is None:
            return None
        arguments.append(Argument(role, *span))
    lost = {
        Lost(role, name, mentions.why_missing(name)) for role, name in names if name not in mentions
    }
    names = sorted((one for one in names if one[1] in mentions), key=_is_argument)
    strings = [name for _, name in names]
    if arguments:
        _, *nearby = min(arguments, key=_is_argument)
        spans = [mentions.nearest(name, Span(*nearby)) for name in strings]
    else:
        spans = mentions.together(strings) if strings else []
    arguments += [Argument(role, *span) for (role, _), span in zip(names, spans, strict=True)]
    if len({one for one in arguments if one.role == TRIGGER}) > 1:
        problems.add(where, f"an event of {event.type!r:.40} has several triggers; expected one")
        return None
    return Event(event.type, tuple(sorted(set(arguments))), tuple(sorted(lost)))


def _is_argument(one: tuple[Any, ...]) -> bool:
    """Whether something that begins with a role is not a trigger; triggers are sorted first."""
    return bool(one[0] != TRIGGER)


def _raw_events(row: Mapping[str, Any], where: str, problems: Problems) -> list[_RawEvent] | None:
    key = next((key for key in EVENT_KEYS if key in row), None)
    if key is None:
        problems.add(where, f"no events; {EXPECTED} in a list 'events', which may be empty")
        return None
    value = row[key]
    if value is None:
        return []
    if not isinstance(value, list):
        problems.add(where, f"{key!r} is {value!r:.60}; {EXPECTED}, in a list")
        return None
    events = [_raw_event(one, where, problems) for one in value]
    return None if None in events else [one for one in events if one is not None]


def _raw_event(value: Any, where: str, problems: Problems) -> _RawEvent | None:
    if not isinstance(value, Mapping):
        problems.add(where, f"the event {value!r:.80}; {EXPECTED}")
        return None
    kind = _first_of(value, TYPES)
    if not isinstance(kind, str) or not kind.strip():
        problems.add(where, f"the type of the event {value!r:.80} is {kind!r:.40}; expected a word")
        return None
    arguments = _first_of(value, ARGUMENT_KEYS)
    if not isinstance(arguments, list | tuple | None):
        problems.add(where, f"the arguments of {value!r:.80}; {EXPECTED_ARGUMENT}, in a list")
        return None
    listed = [_as_argument(one) for one in arguments or ()]
    trigger = value.get("trigger")
    if isinstance(trigger, str):  # DuEE
        start = value.get("trigger_start_index")
        trigger = {"text": trigger, "start": start} if trigger.strip() else None
    if trigger is not None:
        listed.append(_as_argument(trigger, TRIGGER))
    if None in listed:
        problems.add(where, f"an argument of the event {value!r:.100}; {EXPECTED_ARGUMENT}")
        return None
    if not listed:
        problems.add(where, f"the event {value!r:.80} has neither a trigger nor arguments")
        return None
    return _RawEvent(kind.strip(), [one for one in listed if one is not None])


def _as_argument(value: Any, role: str | None = None) -> _RawMention | None:
    """Reads an argument, or with a role a trigger; None if it is neither a text nor offsets."""
    if not isinstance(value, Mapping):
        return None
    role = role or value.get("role")
    text = _first_of(value, TEXTS)
    start, end = _first_of(value, STARTS), value.get("end")
    span = value.get("span")
    if isinstance(span, list | tuple) and len(span) == 2:
        start, end = span
    text = text if isinstance(text, str) and text.strip() else None
    if not isinstance(role, str) or not role.strip():
        return None
    if is_index(start) and is_index(end):
        return _RawMention(role.strip(), Offsets(start, end, text), True)
    if text is None or end is not None:
        return None
    if is_index(start):
        return _RawMention(role.strip(), Offsets(start, start + len(text), text), False)
    return _RawMention(role.strip(), text.strip(), False) if start is None else None


def _first_of(row: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """Returns the value of the first key that is there."""
    return next((row[key] for key in keys if key in row), None)
