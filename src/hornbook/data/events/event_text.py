"""A text with the events in it, in characters of the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

TRIGGER = "trigger"  # the role of the word that names an event


class Argument(NamedTuple):
    """A part of a text, `text[start:end]`, and its role in an event."""

    role: str
    start: int
    end: int


class Lost(NamedTuple):
    """An argument that is not in its text.

    Attributes:
        role: Its role.
        mention: What is not in the text.
        reason: Whether it is nowhere, or only inside a word.
    """

    role: str
    mention: str
    reason: str


class Event(NamedTuple):
    """An event.

    Attributes:
        type: Its type.
        arguments: Sorted and without repetitions; the trigger is one of them, with the role
            `TRIGGER`.
        lost: Arguments that are not in the text.
    """

    type: str
    arguments: tuple[Argument, ...]
    lost: tuple[Lost, ...] = ()

    @property
    def trigger(self) -> Argument | None:
        """The trigger, if it has one."""
        return next((one for one in self.arguments if one.role == TRIGGER), None)


@dataclass(frozen=True, slots=True)
class EventText:
    """A text with its events.

    Attributes:
        text: The text, not blank.
        events: Sorted and without repetitions; None for texts to predict.
        where: `file:line`.
        extra: The row's other keys, such as `id`.
    """

    text: str
    events: tuple[Event, ...] | None
    where: str
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def words(self, event: Event) -> str:
        """Returns an event in words, the trigger first."""
        parts = [
            *((one.role, self.text[one.start : one.end]) for one in event.arguments),
            *((one.role, one.mention) for one in event.lost),
        ]
        parts.sort(key=lambda part: part[0] != TRIGGER)
        return " · ".join([event.type, *(f"{role}: {mention}" for role, mention in parts)])
