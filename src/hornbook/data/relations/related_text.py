"""A text with relations between its parts, in characters of the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Span(NamedTuple):
    """A part of a text: `text[start:end]`."""

    start: int
    end: int


class Relation(NamedTuple):
    """A subject and an object in a text, and what the object is to the subject."""

    subject: Span
    predicate: str
    object: Span


class Triple(NamedTuple):
    """A relation in words."""

    subject: str
    predicate: str
    object: str


class Unplaced(NamedTuple):
    """A triple that is not in its text.

    Attributes:
        triple: The triple.
        reason: Which part is not in the text, or only inside a word.
    """

    triple: Triple
    reason: str


@dataclass(frozen=True, slots=True)
class RelatedText:
    """A text with its relations.

    Attributes:
        text: The text, not blank.
        relations: Sorted and without repetitions; None for texts to predict.
        where: `file:line`.
        unplaced: Triples whose subject or object could not be found in the text.
        has_offsets: Whether the relations were given by offsets, not by strings.
        extra: The row's other keys, such as `id`.
    """

    text: str
    relations: tuple[Relation, ...] | None
    where: str
    unplaced: tuple[Unplaced, ...] = ()
    has_offsets: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def triple(self, relation: Relation) -> Triple:
        """Returns a relation in words."""
        subject, predicate, target = relation
        return Triple(self.text[slice(*subject)], predicate, self.text[slice(*target)])

    def triples(self) -> set[Triple]:
        """Returns all relations in words, with those that are not in the text."""
        return {*map(self.triple, self.relations or ()), *(one.triple for one in self.unplaced)}
