from __future__ import annotations

import itertools

import numpy as np
import pytest

from hornbook.recipes.events import event_links
from hornbook.recipes.events.event_links import Graph, events_of, joined_graph, labeled_graph
from hornbook.recipes.events.unit_events import UnitArgument, UnitEvent
from hornbook.recipes.spans.text_windows import Units, Window

A, B, C = (UnitArgument(role, n, n) for n, role in enumerate("abc"))
TRIGGER, OTHER = UnitArgument("trigger", 4, 5), UnitArgument("trigger", 7, 7)


def graph(arguments, links):
    return Graph(dict(arguments), {tuple(sorted(pair)): score for *pair, score in links})


def found(one, needs_trigger=False):
    return [event.arguments for event, _ in events_of("x", one, needs_trigger)]


def test_events_share_arguments_and_have_the_least_of_their_probabilities():
    one = graph({A: 3.0, B: 2.0, C: 1.0}, [(A, B, 0.5), (A, C, 4.0), (B, C, -1.0)])
    events = events_of("x", one, False)
    assert [event for event, _ in events] == [UnitEvent("x", (A, B)), UnitEvent("x", (A, C))]
    np.testing.assert_allclose([p for _, p in events], 1 / (1 + np.exp([-0.5, -1.0])))


def test_an_argument_without_links_is_an_event():
    assert found(graph({A: 1.0, B: 1.0}, [])) == [(A,), (B,)]
    assert found(Graph({}, {})) == []


def test_triggers_are_never_linked_and_can_be_required():
    links = [(A, TRIGGER, 1.0), (A, OTHER, 1.0), (TRIGGER, OTHER, 1.0)]
    one = graph({A: 1.0, B: 1.0, TRIGGER: 1.0, OTHER: 1.0}, links)
    assert found(one) == [(A, TRIGGER), (A, OTHER), (B,)]
    assert found(one, needs_trigger=True) == [(A, TRIGGER), (A, OTHER)]


@pytest.mark.parametrize("seed", range(10))
def test_joining_equals_a_search_of_all_groups(seed):
    random = np.random.default_rng(seed)
    arguments = {UnitArgument("ab"[n % 2], n // 2, n): random.normal(2) for n in range(7)}
    pairs = itertools.combinations(sorted(arguments), 2)
    links = {pair: float(random.normal(0.3)) for pair in pairs}
    groups = [
        group
        for size in range(1, 8)
        for group in itertools.combinations(sorted(arguments), size)
        if all(links[pair] > 0 for pair in itertools.combinations(group, 2))
    ]
    largest = {one for one in groups if not any(set(one) < set(other) for other in groups)}
    assert set(found(Graph(arguments, links))) == largest


def test_of_many_arguments_the_most_certain_are_joined(monkeypatch):
    monkeypatch.setattr(event_links, "ARGUMENTS", 2)
    assert found(graph({A: 1.0, B: 3.0, C: 2.0}, [])) == [(B,), (C,)]
    monkeypatch.setattr(event_links, "EVENTS", 1)
    assert found(graph({A: 1.0, B: 3.0, C: 2.0}, [])) == [(B,)]


def test_windows_are_joined_by_those_that_see_arguments_and_pairs_best():
    units = Units([(n, n + 1) for n in range(12)], [[5]] * 12)
    windows = [Window(0, units, 0, 8), Window(0, units, 5, 12)]
    at_border = UnitArgument("a", 7, 7)  # unit 2 of the second window
    inside = UnitArgument("b", 5, 5)  # nearer to the border of the second
    first = graph(
        {B: 1.0, inside: 2.0, at_border: 3.0}, [(B, inside, 1.0), (inside, at_border, -1)]
    )
    a, b = at_border.moved(-5), inside.moved(-5)
    second = graph({b: 4.0}, [(a, b, 5.0)])
    joined = joined_graph([(windows[0], first), (windows[1], second)])
    assert joined.arguments == {B: 1.0, inside: 2.0}
    # both windows hold units 5 to 7 with a border beside them; the first one counts
    assert joined.links == {(B, inside): 1.0, (at_border, inside): -1}
    second = graph({a: 4.0}, [])
    assert joined_graph([(windows[0], first), (windows[1], second)]).arguments[at_border] == 4.0


def test_labels_are_linked_as_a_perfect_model_links_them():
    events = [UnitEvent("x", (A, B)), UnitEvent("x", (B, C)), UnitEvent("y", (A, C))]
    assert set(found(labeled_graph(events, "x"))) == {(A, B), (B, C)}


def test_events_whose_heads_and_tails_are_linked_crosswise_are_confused():
    a, b, c = UnitArgument("a", 0, 0), UnitArgument("b", 2, 3), UnitArgument("c", 1, 2)
    alone = UnitArgument("b", 2, 2)  # the head of b, the tail of c
    events = [UnitEvent("x", one) for one in ((a, b), (a, c), (alone,))]
    assert (a, alone) in labeled_graph(events, "x").links
