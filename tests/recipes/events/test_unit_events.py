from __future__ import annotations

from hornbook.data.events.event_text import Argument, Event, EventText, Lost
from hornbook.recipes.events.unit_events import (
    UnitArgument,
    UnitEvent,
    in_characters,
    in_units,
    in_window,
    is_apart,
)
from hornbook.recipes.spans.text_windows import Units, Window

UNITS = Units([(0, 2), (2, 3), (4, 9), (9, 10)], [[5]] * 4)
EVENT = UnitEvent("x", (UnitArgument("a", 0, 1), UnitArgument("b", 2, 2)))


def test_characters_become_units_and_units_characters():
    whole = Event("x", (Argument("a", 0, 3), Argument("b", 4, 9)))
    cut = Event("x", (Argument("a", 0, 3), Argument("b", 4, 8)))
    lost = Event("x", (), (Lost("a", "y", ""),))
    events, cut_through = in_units(EventText("ab北 paris.", (whole, cut, lost), "a:1"), UNITS)
    assert events == [EVENT, UnitEvent("x", EVENT.arguments[:1])]
    assert cut_through == [Argument("b", 4, 8)]
    assert in_characters(EVENT, UNITS) == whole


def test_a_window_has_the_part_of_an_event_inside_it():
    assert in_window([EVENT], Window(0, UNITS, 1, 3)) == [
        UnitEvent("x", (UnitArgument("b", 1, 1),))
    ]
    assert in_window([EVENT], Window(0, UNITS, 3, 4)) == []


def test_events_are_apart_whose_arguments_no_window_holds_together():
    windows = [Window(0, UNITS, 0, 2), Window(0, UNITS, 1, 4)]
    assert is_apart(EVENT, windows)
    assert not is_apart(UnitEvent("x", EVENT.arguments[1:]), windows)
    assert not is_apart(EVENT, [Window(0, UNITS, 0, 4)])
