"""A text with its entities, in characters of the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

WORD = "word"  # the type of every entity of a segmented text


class Entity(NamedTuple):
    """A span of a text: `text[start:end]`, with its type."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class TaggedText:
    """A text with its entities.

    Attributes:
        text: The text, not blank.
        entities: Sorted and without repetitions; None for texts to predict.
        where: `file:line`.
        extra: The row's other keys, such as `id`.
        corpus: The corpus whose guidelines its labels follow; "" if it names none.
    """

    text: str
    entities: tuple[Entity, ...] | None
    where: str
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    corpus: str = ""


def overlapping(entities: tuple[Entity, ...]) -> tuple[Entity, Entity] | None:
    """Returns the first two sorted entities that share a character, or None."""
    furthest = None
    for entity in entities:
        if furthest is not None and entity.start < furthest.end:
            return furthest, entity
        furthest = entity
    return None
