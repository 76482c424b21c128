"""Events as groups of arguments that are all linked with each other.

Within an event type, arguments are the vertices of a graph and links its edges: each maximal clique
is an event, and an argument in several of them is in several events.  An event has at most one
trigger, so triggers are never linked.  Where every event of a type had a trigger in training, a
group without one is no event.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from hornbook.data.events.event_text import TRIGGER
from hornbook.recipes.events.cliques import maximal_cliques
from hornbook.recipes.events.unit_events import Scored, UnitArgument, UnitEvent
from hornbook.recipes.spans.text_windows import Window, is_deepest

ARGUMENTS = 64  # of a text and an event type, the most certain
EVENTS = 64  # of a text and an event type, those with the most certain arguments

Pair = tuple[UnitArgument, UnitArgument]  # in order


class Graph(NamedTuple):
    """The arguments of an event type, and their links.

    Attributes:
        arguments: The score of each.
        links: The score of each pair; a pair that is missing is not linked.
    """

    arguments: dict[UnitArgument, float]
    links: dict[Pair, float]


def joined_graph(windows: Sequence[tuple[Window, Graph]]) -> Graph:
    """Joins the graphs of the windows of a text, by index in the text.

    An argument is there if it is in the graph of the window in which it is farthest from a border;
    a link has its score in the window in which both of its ends are.
    """
    in_order = [window for window, _ in windows]
    graph = Graph({}, {})
    depths: dict[Pair, int] = {}
    for index, (window, (arguments, links)) in enumerate(windows):
        for one, score in arguments.items():
            own = one.moved(window.first)
            if is_deepest(in_order, index, own.first, own.last):
                graph.arguments[own] = score
        for (a, b), score in links.items():
            pair = a.moved(window.first), b.moved(window.first)
            ends = [place for one in pair for place in one[1:]]
            depth = int(window.depth(min(ends), max(ends)))
            if depth > depths.get(pair, -1):
                graph.links[pair], depths[pair] = score, depth
    return graph


def events_of(kind: str, graph: Graph, needs_trigger: bool) -> list[Scored]:
    """Returns the events of a type.

    The probability of an event is the least of those of its arguments and its links.

    Args:
        kind: The type.
        graph: Its arguments and links.
        needs_trigger: Whether every event of the type has a trigger.
    """
    scores = graph.arguments
    arguments = sorted(scores, key=lambda one: (-scores[one], one))[:ARGUMENTS]
    linked = np.zeros((len(arguments), len(arguments)), bool)
    for (i, a), (j, b) in combinations(enumerate(arguments), 2):
        is_linked = graph.links.get((min(a, b), max(a, b)), 0.0) > 0
        linked[i, j] = linked[j, i] = is_linked and not a.role == b.role == TRIGGER
    events = []
    for clique in maximal_cliques(linked, EVENTS):
        members = sorted(arguments[index] for index in clique)
        if needs_trigger and all(one.role != TRIGGER for one in members):
            continue
        values = [scores[one] for one in members]
        values += [graph.links[pair] for pair in combinations(members, 2)]
        events.append(Scored(UnitEvent(kind, tuple(members)), float(expit(min(values)))))
    return events


def labeled_graph(events: Collection[UnitEvent], kind: str) -> Graph:
    """Returns the arguments of labeled events of a type, with the links that a perfect model finds:
    it links heads and tails, so also the arguments of two events with equal ones."""
    own = [event.arguments for event in events if event.type == kind]
    heads, tails = set(), set()
    for arguments in own:
        for a, b in combinations(arguments, 2):
            heads.add(ordered(a.first, b.first))
            tails.add(ordered(a.last, b.last))
    every = sorted({one for event in own for one in event})
    links = {
        (a, b): 1.0
        for a, b in combinations(every, 2)
        if ordered(a.first, b.first) in heads and ordered(a.last, b.last) in tails
    }
    return Graph(dict.fromkeys(every, 1.0), links)


def ordered(a: int, b: int) -> tuple[int, int]:
    """Returns the cell of a link, which has no direction: the first unit before the second."""
    return (a, b) if a <= b else (b, a)
