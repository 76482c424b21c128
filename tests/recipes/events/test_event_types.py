from __future__ import annotations

import pytest

from hornbook.data.events.event_text import Argument, Event, EventText, Lost
from hornbook.data.texts.summary import TextSplits
from hornbook.errors import DataError
from hornbook.recipes.events.event_types import (
    event_lines,
    merged_events,
    note_unknown,
    roles_of,
    types_with_triggers,
)
from hornbook.recipes.events.unit_events import UnitArgument, UnitEvent
from hornbook.recipes.spans.text_windows import Units, Window

LOST = Event("q", (), (Lost("b", "x", "'x' is not in the text"),))
TRIGGERED = Event("p", (Argument("a", 0, 1), Argument("trigger", 1, 2)))


def text(*events):
    return EventText("abcd", events, "a:1")


def test_types_and_roles_are_those_of_the_training_texts():
    plain = Event("p", (Argument("b", 0, 1),))
    other = Event("o", (Argument("a", 0, 1), Argument("trigger", 1, 2)))
    texts = [text(TRIGGERED, plain), text(other, LOST)]
    assert roles_of(texts) == {"o": ["a", "trigger"], "p": ["a", "b", "trigger"]}
    assert types_with_triggers(texts) == ["o"]
    with pytest.raises(DataError, match="none of the training texts has an event"):
        roles_of([text()])
    with pytest.raises(DataError, match="a:1: 'x' is not in the text"):
        roles_of([text(LOST)])


def test_the_summary_says_what_cannot_be_found():
    units = Units([(0, 1), (1, 2), (2, 4)], [[5]] * 3)
    far = Event("p", (Argument("a", 0, 1), Argument("b", 2, 4)))
    cut = Event("p", (Argument("c", 0, 3), Argument("trigger", 1, 2)))
    part = Event("p", (Argument("trigger", 1, 2),))
    train = [text(TRIGGERED, LOST), text(far), text(cut, part), text()]
    windows = [[Window(0, units, 0, 3)], [Window(0, units, 0, 2), Window(0, units, 1, 3)]]
    splits = TextSplits(train, [text(Event("new", (Argument("a", 0, 1),)), LOST)])
    lines = event_lines(splits, [units] * 4, [*windows, windows[0], windows[0]])
    assert lines == [
        "Events      5 of 2 types: p (4), q (1)",
        "Arguments   8 of 4 types and roles, triggers included",
        "            1 training texts have no events",
        "            no validation texts have p",
        "            in validation texts only, never found: new (1)",
        "Unplaced    1 of 8 arguments are not in their text:",
        "            a:1: b: 'x' is not in the text",
        "            1 of 2 validation arguments too: they count as missed",
        "Cut         1 of 8 arguments begin or end inside a word or number, and cannot be found:",
        "            a:1: c: 'abc'",
        "Apart       1 of 5 events are longer than a window, and are found in parts at most:",
        "            a:1: p",
    ]


def test_events_that_are_parts_of_others_cannot_be_told_apart():
    a, b = UnitArgument("a", 0, 0), UnitArgument("b", 1, 1)
    assert merged_events([UnitEvent("p", (a, b)), UnitEvent("p", (a,)), UnitEvent("q", (a,))]) == [
        UnitEvent("p", (a,))
    ]


def test_unknown_types_and_roles_are_said(capsys):
    note_unknown([text(TRIGGERED, LOST)], {"p": ["a"]})
    said = capsys.readouterr().err
    assert "2 of 3 arguments have a type and role that the model does not know" in said
    assert "p / trigger (1), q / b (1)" in said
    note_unknown([text(TRIGGERED)], {"p": ["a", "trigger"]})
    assert not capsys.readouterr().err
