"""Events in units of a text: from characters to units, in windows, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hornbook.data.events.event_text import Argument, Event, EventText
from hornbook.recipes.spans.text_windows import Units, Window


class UnitArgument(NamedTuple):
    """Units `first` to `last`, both included, and their role in an event."""

    role: str
    first: int
    last: int

    def moved(self, by: int) -> UnitArgument:
        """Returns the argument `by` units later in the text."""
        return UnitArgument(self.role, self.first + by, self.last + by)


class UnitEvent(NamedTuple):
    """An event whose arguments are spans of units."""

    type: str
    arguments: tuple[UnitArgument, ...]


class Scored(NamedTuple):
    """An event with its probability."""

    event: UnitEvent
    probability: float


class Answer(NamedTuple):
    """The model's output for a text.

    Attributes:
        events: The events, in order.
        loss: The loss of the labels; NaN without labels.
    """

    events: list[Scored]
    loss: float


def in_units(text: EventText, units: Units) -> tuple[list[UnitEvent], list[Argument]]:
    """Returns the events of a text in units, and the arguments with a border inside a unit, which
    no model of units can find and which their events are without."""
    events = []
    cut = []
    for event in text.events or ():
        arguments = set()
        for role, start, end in event.arguments:
            span = units.covering(start, end)
            if span is None:
                cut.append(Argument(role, start, end))
            else:
                arguments.add(UnitArgument(role, *span))
        if arguments:
            events.append(UnitEvent(event.type, tuple(sorted(arguments))))
    return events, cut


def in_characters(event: UnitEvent, units: Units) -> Event:
    """Returns an event of units in characters."""
    arguments = [
        Argument(role, units.spans[first][0], units.spans[last][1])
        for role, first, last in event.arguments
    ]
    return Event(event.type, tuple(sorted(arguments)))


def in_window(events: Sequence[UnitEvent], window: Window) -> list[UnitEvent]:
    """Returns the parts of events inside a window, by index in the window."""
    inside = []
    for event in events:
        arguments = [one for one in event.arguments if window.holds(one.first, one.last)]
        if arguments:
            moved = tuple(one.moved(-window.first) for one in arguments)
            inside.append(UnitEvent(event.type, moved))
    return inside


def is_apart(event: UnitEvent, windows: Sequence[Window]) -> bool:
    """Whether two arguments of an event are so far from each other that no window holds both."""
    first = min(one.first for one in event.arguments)
    last = max(one.last for one in event.arguments)
    return not any(window.holds(first, last) for window in windows)
