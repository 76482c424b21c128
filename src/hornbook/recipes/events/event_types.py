"""The event types of a data set, their roles, and what the summary says about its events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from hornbook.data.events.event_text import Argument, EventText, Lost
from hornbook.data.texts.summary import LABELS, TextSplits, inside, listed, named_counts
from hornbook.errors import DataError
from hornbook.progress import note
from hornbook.recipes.events.event_links import events_of, labeled_graph
from hornbook.recipes.events.unit_events import UnitEvent, in_units, is_apart
from hornbook.recipes.spans.text_windows import Units, Window


def roles_of(train: Sequence[EventText]) -> dict[str, list[str]]:
    """Returns the event types of the training texts with the roles of each, both sorted.

    Raises:
        DataError: there are none.
    """
    roles: dict[str, set[str]] = {}
    for text in train:
        for event in text.events or ():
            if event.arguments:
                roles.setdefault(event.type, set()).update(one.role for one in event.arguments)
    if roles:
        return {kind: sorted(roles[kind]) for kind in sorted(roles)}
    lost = [f"  {text.where}: {missing.reason}" for text, missing in _lost(train)]
    if not lost:
        raise DataError("There is nothing to learn: none of the training texts has an event.")
    raise DataError(
        "There is nothing to learn: no event has an argument in its text.\n"
        + "\n".join(lost[:LABELS])
    )


def types_with_triggers(train: Sequence[EventText]) -> list[str]:
    """Returns the event types whose events all have a trigger, sorted."""
    events = [one for text in train for one in text.events or () if one.arguments]
    return sorted({one.type for one in events} - {one.type for one in events if not one.trigger})


def note_unknown(texts: Sequence[EventText], roles: dict[str, list[str]]) -> None:
    """Prints which arguments of texts have types or roles that a trained model does not know."""
    counts = Counter(
        (event.type, role)
        for text in texts
        for event in text.events or ()
        for role in (*(one.role for one in event.arguments), *(one.role for one in event.lost))
    )
    unknown = {key: n for key, n in counts.items() if key[1] not in roles.get(key[0], ())}
    if unknown:
        named = named_counts(Counter({" / ".join(key): n for key, n in unknown.items()}))
        note(
            f"{sum(unknown.values()):,} of {counts.total():,} arguments have a type and role that "
            f"the model does not know, and count as missed: {named}"
        )


def event_lines(
    splits: TextSplits[EventText],
    all_units: Sequence[Units],
    all_windows: Sequence[Sequence[Window]],
) -> list[str]:
    """Describes the events of the training texts, for the summary.

    Args:
        splits: The texts.
        all_units, all_windows: Of the training texts.
    """
    counts, held_out = _counts(splits.train), _counts(splits.valid)
    arguments = _number_of_arguments(splits.train)
    roles = {
        (event.type, one.role)
        for text in splits.train
        for event in text.events or ()
        for one in event.arguments
    }
    lines = [
        f"Events      {counts.total():,} of {len(counts):,} types: {named_counts(counts)}",
        f"Arguments   {arguments:,} of {len(roles):,} types and roles, triggers included",
    ]
    if without := sum(not text.events for text in splits.train):
        lines.append(f"            {without:,} training texts have no events")
    if missing := sorted(counts.keys() - held_out.keys()):
        more = f" and {len(missing) - LABELS:,} more" if len(missing) > LABELS else ""
        lines.append(f"            no validation texts have {', '.join(missing[:LABELS])}{more}")
    if unknown := Counter({kind: n for kind, n in held_out.items() if kind not in counts}):
        lines.append(f"            in validation texts only, never found: {named_counts(unknown)}")

    def places(one: EventText) -> str:
        return inside(splits.folder, one.where)

    lost = [f"{places(text)}: {one.role}: {one.reason}" for text, one in _lost(splits.train)]
    lines += listed("Unplaced", f"of {arguments:,} arguments are not in their text:", lost)
    if others := sum(1 for _ in _lost(splits.valid)):
        total = _number_of_arguments(splits.valid)
        lines.append(
            f"            {others:,} of {total:,} validation arguments too: they count as missed"
        )
    cut, apart, merged = [], [], []
    for text, units, windows in zip(splits.train, all_units, all_windows, strict=True):
        events, cut_through = in_units(text, units)
        cut += [f"{places(text)}: {_named(text, one)}" for one in cut_through]
        apart += [f"{places(text)}: {one.type}" for one in events if is_apart(one, windows)]
        merged += [f"{places(text)}: {one.type}" for one in merged_events(events)]
    what = f"of {arguments:,} arguments begin or end inside a word or number, and cannot be found:"
    lines += listed("Cut", what, cut)
    what = f"of {counts.total():,} events are longer than a window, and are found in parts at most:"
    lines += listed("Apart", what, apart)
    what = (
        f"of {counts.total():,} events cannot be told from others of their text, being a part of "
        "one, or sharing arguments crosswise:"
    )
    return lines + listed("Merged", what, merged)


def merged_events(events: Sequence[UnitEvent]) -> list[UnitEvent]:
    """Returns the events of a text that a model which finds all arguments and links, and no others,
    does not find."""
    kinds = {event.type for event in events}
    found = {
        one.event for kind in kinds for one in events_of(kind, labeled_graph(events, kind), False)
    }
    return sorted(set(events) - found)


def _counts(texts: Sequence[EventText]) -> Counter[str]:
    return Counter(one.type for text in texts for one in text.events or ())


def _number_of_arguments(texts: Sequence[EventText]) -> int:
    return sum(len(one.arguments) + len(one.lost) for text in texts for one in text.events or ())


def _lost(texts: Sequence[EventText]) -> Iterator[tuple[EventText, Lost]]:
    return ((text, one) for text in texts for event in text.events or () for one in event.lost)


def _named(text: EventText, one: Argument) -> str:
    return f"{one.role}: {text.text[one.start : one.end]!r:.40}"
