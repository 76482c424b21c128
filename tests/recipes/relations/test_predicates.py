from __future__ import annotations

import pytest

from hornbook.data.relations.related_text import RelatedText, Relation, Span, Triple, Unplaced
from hornbook.data.texts.summary import TextSplits
from hornbook.errors import DataError
from hornbook.recipes.relations.predicates import (
    note_unknown,
    outside_windows,
    predicates_of,
    relation_lines,
)
from hornbook.recipes.relations.unit_relations import UnitRelation, UnitSpan
from hornbook.recipes.spans.text_windows import Units, Window

LOST = Unplaced(Triple("x", "q", "y"), "'x' is not in the text")


def text(*predicates, unplaced=()):
    relations = tuple(Relation(Span(0, 1), one, Span(1, 2)) for one in predicates)
    return RelatedText("ab", relations, "a:1", unplaced)


def test_predicates_are_those_of_the_training_texts():
    assert predicates_of([text("q", "p"), text("p"), text()]) == ["p", "q"]
    with pytest.raises(DataError, match="none of the training texts has a relation"):
        predicates_of([text()])
    with pytest.raises(DataError, match="a:1: 'x' is not in the text"):
        predicates_of([text(unplaced=(LOST,))])


def test_the_summary_says_what_cannot_be_found():
    train, valid = [text("p", "p2"), text("p"), text(unplaced=(LOST,))], [text("p", "new")]
    cut, apart = [(train[0], train[0].relations[0])], [(train[1], UnitRelation(None, "p", None))]
    lines = "\n".join(relation_lines(TextSplits(train, valid), cut, apart))
    assert lines.splitlines() == [
        "Relations   4 of 3 predicates: p (2), p2 (1), q (1)",
        "            no validation texts have p2, q",
        "            in validation texts only, never found: new (1)",
        "Unplaced    1 of 4 relations have a subject or an object that their text lacks:",
        "            a:1: x, q, y: 'x' is not in the text",
        "Cut         1 of 4 relations begin or end inside a word or number, and cannot be found:",
        "            a:1: a, p, b",
        "Apart       1 of 4 relations are longer than a window, and cannot be found:",
        "            a:1: p",
    ]
    lines = relation_lines(TextSplits(valid, train), [], [])
    assert "            1 of 4 validation relations too: they count as missed" in lines


def test_unknown_predicates_are_said(capsys):
    note_unknown([text("p", "new")], ["p"])
    assert (
        "1 of 2 relations have predicates that the model does not know" in capsys.readouterr().err
    )
    note_unknown([text("p")], ["p"])
    assert not capsys.readouterr().err


def test_relations_longer_than_every_window_are_found():
    units = Units([(n, n + 1) for n in range(12)], [[5]] * 12)
    windows = [Window(0, units, 0, 8), Window(0, units, 5, 12)]
    near = UnitRelation(UnitSpan(0, 0), "p", UnitSpan(7, 7))
    far = UnitRelation(UnitSpan(8, 8), "p", UnitSpan(4, 4))
    assert outside_windows([near, far], windows) == [far]
    assert outside_windows([near, far], [Window(0, units, 0, 12)]) == []
