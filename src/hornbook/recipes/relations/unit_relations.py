"""Relations between units of a text: from characters to units, in windows, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hornbook.data.relations.related_text import RelatedText, Relation, Span
from hornbook.recipes.spans.text_windows import Units, Window, is_deepest


class UnitSpan(NamedTuple):
    """Units `first` to `last`, both included."""

    first: int
    last: int


class UnitRelation(NamedTuple):
    """A relation between spans of units."""

    subject: UnitSpan
    predicate: str
    object: UnitSpan

    def hull(self) -> UnitSpan:
        """Returns the span from the first to the last unit of both."""
        first = min(self.subject.first, self.object.first)
        return UnitSpan(first, max(self.subject.last, self.object.last))

    def moved(self, by: int) -> UnitRelation:
        """Returns the relation `by` units later in the text."""
        subject, target = (UnitSpan(a + by, b + by) for a, b in (self.subject, self.object))
        return UnitRelation(subject, self.predicate, target)


class Scored(NamedTuple):
    """A relation with its probability."""

    relation: UnitRelation
    probability: float


class Answer(NamedTuple):
    """The model's output for a window or a text.

    Attributes:
        relations: The relations, in order.
        loss: The loss of the labels; NaN without labels.
    """

    relations: list[Scored]
    loss: float


def in_units(text: RelatedText, units: Units) -> tuple[list[UnitRelation], list[Relation]]:
    """Returns the relations of a text in units, and those with a border inside a unit, which no
    model of units can find."""
    relations: dict[UnitRelation, None] = {}
    cut = []
    for relation in text.relations or ():
        subject, target = units.covering(*relation.subject), units.covering(*relation.object)
        if subject is None or target is None:
            cut.append(relation)
        else:
            one = UnitRelation(UnitSpan(*subject), relation.predicate, UnitSpan(*target))
            relations[one] = None
    return sorted(relations), cut


def in_characters(relation: UnitRelation, units: Units) -> Relation:
    """Returns a relation of units in characters."""
    subject, target = (
        Span(units.spans[first][0], units.spans[last][1])
        for first, last in (relation.subject, relation.object)
    )
    return Relation(subject, relation.predicate, target)


def in_window(relations: Sequence[UnitRelation], window: Window) -> list[UnitRelation]:
    """Returns the relations inside a window, by index in the window."""
    return [one.moved(-window.first) for one in relations if window.holds(*one.hull())]


def joined(windows: Sequence[tuple[Window, Answer]]) -> Answer:
    """Joins the answers of the windows of a text.

    A relation is there if it is in the answer of the window in which it is farthest from a border.
    """
    relations: dict[UnitRelation, Scored] = {}
    in_order = [window for window, _ in windows]
    for index, (window, answer) in enumerate(windows):
        for relation, probability in answer.relations:
            one = relation.moved(window.first)
            if is_deepest(in_order, index, *one.hull()):
                relations[one] = Scored(one, probability)
    losses = [answer.loss for _, answer in windows]
    return Answer(sorted(relations.values()), float(np.mean(losses)))
