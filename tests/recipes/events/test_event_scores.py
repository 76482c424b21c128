from __future__ import annotations

import pytest

from hornbook.data.events.event_text import Argument, Event, EventText, Lost
from hornbook.recipes.events.event_scores import (
    TypedArgument,
    character_f1,
    event_metrics,
    metrics_table,
)

TEXT = "abcdef"


def event(kind, lost=(), **places):
    arguments = tuple(sorted(Argument(role, a, a + 1) for role, a in places.items()))
    return Event(kind, arguments, tuple(Lost(role, name, "") for role, name in lost))


def sample(*events):
    return EventText(TEXT, events, "a:1")


def test_arguments_count_once_and_events_are_right_as_a_whole():
    samples = [sample(event("p", trigger=0, a=1), event("p", trigger=0, a=2), event("q", a=3))]
    found = [{event("p", trigger=0, a=1), event("p", trigger=0, a=4)}]
    metrics = event_metrics(samples, found, ["p", "r"])
    assert metrics["arguments"] == {"p": 3, "q": 1, "r": 0}
    assert metrics["precision"] == {"p": pytest.approx(2 / 3), "q": 0.0, "r": 0.0}
    assert metrics["recall"] == {"p": pytest.approx(2 / 3), "q": 0.0, "r": 0.0}
    assert metrics["micro_f1"] == pytest.approx(4 / 7)
    assert metrics["events"] == {"p": 2, "q": 1, "r": 0}
    assert metrics["event_f1"] == {"p": 0.5, "q": 0.0, "r": 0.0}
    assert metrics["event_micro_f1"] == pytest.approx(2 / 5)
    columns, rows = metrics_table(metrics)
    assert [row[:2] for row in rows] == [["p", 3], ["q", 1], ["all", 4]]
    assert len(columns) == len(rows[0])
    assert metrics_table(metrics, most=1)[1][1] == ["1 others", 1, None, None, None, 1, None]


def test_what_the_text_lacks_is_missed_and_so_is_its_event():
    samples = [sample(event("p", lost=[("b", "z")], a=1))]
    metrics = event_metrics(samples, [{event("p", a=1)}], ["p"])
    assert metrics["micro_recall"] == 0.5
    assert metrics["micro_precision"] == 1.0
    assert metrics["event_micro_f1"] == 0.0
    assert metrics["character_f1"] == pytest.approx(2 / 3)


def test_characters_count_without_places_and_triggers():
    def argument(role, mention, start=0):
        return TypedArgument("p", role, start, start + 1, mention)

    gold = {argument("a", "abcd"), argument("b", "x"), argument("trigger", "t")}
    found = {argument("a", "ab", 3), argument("b", "y"), argument("a", "zz")}
    score = 2 * 2 / (2 + 4)  # the rest has no characters in common
    assert character_f1([gold, set()], [found, set()]) == pytest.approx(2 * score / (3 + 2))
    assert character_f1([set()], [set()]) == 0.0
