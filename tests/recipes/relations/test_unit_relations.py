from __future__ import annotations

from hornbook.data.relations.related_text import RelatedText, Relation, Span
from hornbook.recipes.relations.unit_relations import (
    Answer,
    Scored,
    UnitRelation,
    UnitSpan,
    in_characters,
    in_units,
    in_window,
    joined,
)
from hornbook.recipes.spans.text_windows import Units, Window

UNITS = Units([(0, 2), (2, 3), (4, 9), (9, 10)], [[5]] * 4)


def relation(subject, target):
    return UnitRelation(UnitSpan(*subject), "p", UnitSpan(*target))


def test_characters_become_units_and_units_characters():
    good = Relation(Span(0, 3), "p", Span(4, 9))
    spaces = Relation(Span(2, 4), "p", Span(3, 9))  # white space belongs to no unit
    cut = Relation(Span(1, 3), "p", Span(4, 9))
    text = RelatedText("ab北 paris.", (good, spaces, cut), "a:1")
    relations, cut_through = in_units(text, UNITS)
    assert relations == [relation((0, 1), (2, 2)), relation((1, 1), (2, 2))]
    assert cut_through == [cut]
    assert in_characters(relations[0], UNITS) == good


def test_a_window_has_the_relations_inside_it():
    window = Window(0, UNITS, 1, 3)
    relations = [relation((0, 0), (2, 2)), relation((2, 2), (1, 1))]
    assert in_window(relations, window) == [relation((1, 1), (0, 0))]


def test_windows_are_joined_by_the_one_that_sees_a_relation_best():
    units = Units([(n, n + 1) for n in range(12)], [[5]] * 12)
    windows = [Window(0, units, 0, 8), Window(0, units, 5, 12)]

    def answer(*relations):
        return Answer([Scored(one, 0.9) for one in relations], 1.0)

    # units 5 and 6 are nearer to the end of the first than to that of the text
    at_border, inside = relation((6, 6), (7, 7)), relation((1, 1), (5, 5))
    first = answer(at_border, inside)
    assert [one.relation for one in joined([(windows[0], first), (windows[1], answer())])[0]] == [
        inside
    ]
    second = answer(at_border.moved(-5))
    both = joined([(windows[0], first), (windows[1], second)])
    assert [one.relation for one in both.relations] == [inside, at_border]
    assert both.loss == 1.0
