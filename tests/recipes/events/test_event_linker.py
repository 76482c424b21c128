"""The linker's labels, loss and graphs against direct computations."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.recipes.events.event_linker import EventLinker
from hornbook.recipes.events.event_links import events_of
from hornbook.recipes.events.unit_events import UnitArgument, UnitEvent
from hornbook.recipes.spans import pair_tables

ROLES = {"x": ["a", "b", "trigger"], "y": ["a"]}
SIZE = 6
A, B, C = UnitArgument("a", 3, 4), UnitArgument("b", 0, 1), UnitArgument("b", 2, 2)
TRIGGER = UnitArgument("trigger", 5, 5)
EVENTS = [
    UnitEvent("x", tuple(sorted((A, B, TRIGGER)))),
    UnitEvent("x", tuple(sorted((A, C, TRIGGER)))),  # shares two arguments
    UnitEvent("y", (A,)),  # of another type
]


def test_labels_are_decoded_to_the_same_events():
    linker = EventLinker(ROLES)
    [labels] = linker.label_array([EVENTS], SIZE)
    graphs = linker.graphs(np.where(labels, 1.0, -1.0))
    events = [one.event for kind in ROLES for one in events_of(kind, graphs[kind], False)]
    assert sorted(events) == sorted(EVENTS)


def test_tables_are_of_roles_then_of_the_heads_and_the_tails_of_types():
    [labels] = EventLinker(ROLES).label_array([EVENTS[:1]], SIZE)
    cells = [tuple(cell) for cell in np.argwhere(labels).tolist()]
    arguments = [(0, 3, 4), (1, 0, 1), (2, 5, 5)]
    heads = [(4, 0, 3), (4, 0, 5), (4, 3, 5)]
    tails = [(6, 1, 4), (6, 1, 5), (6, 4, 5)]
    assert cells == arguments + heads + tails


def test_what_the_model_does_not_know_is_left_out():
    unknown = [UnitEvent("z", (A,)), UnitEvent("y", (A, B))]
    [labels] = EventLinker(ROLES).label_array([unknown], SIZE)
    assert np.argwhere(labels).tolist() == [[3, 3, 4]]


def test_links_are_the_lesser_score_of_heads_and_tails():
    tables = np.random.default_rng(0).normal(0, 1, (8, SIZE, SIZE)).astype("float32")
    tables[:, ~np.triu(np.ones((SIZE, SIZE), bool))] = -1e9
    linker = EventLinker(ROLES)
    graphs = linker.graphs(tables)
    for number, (kind, role) in enumerate(linker.roles):
        for first, last in np.argwhere(tables[number] > 0):
            score = graphs[kind].arguments[UnitArgument(role, first, last)]
            assert score == tables[number, first, last]
    assert sum(len(one.arguments) for one in graphs.values()) == (tables[:4] > 0).sum()
    for kind, heads, tails in (("x", 4, 6), ("y", 5, 7)):
        arguments = graphs[kind].arguments
        assert len(graphs[kind].links) == len(arguments) * (len(arguments) - 1) / 2
        for (a, b), score in graphs[kind].links.items():
            head = tables[heads, min(a.first, b.first), max(a.first, b.first)]
            assert score == min(head, tables[tails, min(a.last, b.last), max(a.last, b.last)])


@pytest.mark.backend
def test_the_loss_is_the_sum_over_all_tables():
    import keras

    linker = EventLinker(ROLES)
    labels = linker.label_array([EVENTS, []], SIZE)
    scores = np.random.default_rng(0).normal(0, 2, labels.shape).astype("float32")
    possible = np.triu(np.ones((SIZE, SIZE), bool))
    scores[:, :, ~possible] = -1e9
    loss = linker.loss()
    for row, events in enumerate((EVENTS, [])):
        expected = 0.0
        for table in range(linker.num_tables):
            cells = scores[row, table].astype("float64")
            negative = np.exp(cells[possible & ~labels[row, table]]).sum()
            positive = np.exp(-cells[possible & labels[row, table]]).sum()
            expected += np.log1p(negative) + np.log1p(positive)
        weights = (np.arange(2) == row).astype("float32")
        value = loss(labels, scores, sample_weight=weights)
        assert float(keras.ops.convert_to_numpy(value)) == pytest.approx(expected, rel=1e-5)
        assert linker.loss_of(events, scores[row]) == pytest.approx(expected, rel=1e-5)
    assert np.isnan(linker.loss_of(None, scores[0]))


def test_a_step_with_many_roles_has_fewer_texts():
    linker = EventLinker({str(n): ["a", "b", "trigger"] for n in range(65)})
    assert linker.max_pairs * 65 * 5 <= pair_tables.CELLS
