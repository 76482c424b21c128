"""The units of a text, and the windows in which a model reads them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np

from hornbook.data.entities.tag_schemes import TokenSpan
from hornbook.data.entities.tagged_text import Entity

Value = TypeVar("Value")


@dataclass(frozen=True)
class Units:
    """The units of a text.

    Attributes:
        spans: Start and end of each, in characters.
        pieces: Ids of the tokens of each, at least one.
        gold: Spans of units of the labeled entities; None without labels.
        cut: Entities with a border inside a unit, which no model of units can find.
    """

    spans: Sequence[tuple[int, int]]
    pieces: Sequence[Sequence[int]]
    gold: list[TokenSpan] | None = None
    cut: list[Entity] = field(default_factory=list)

    def entity(self, first: int, last: int, kind: str) -> Entity:
        """Returns the entity of units `first` to `last`, both included."""
        return Entity(self.spans[first][0], self.spans[last][1], kind)

    def covering(self, start: int, end: int) -> tuple[int, int] | None:
        """Returns the first and the last unit of characters `start` to `end` (not included), which
        may begin and end with white space; None if a border is inside a unit."""
        first = bisect_left(self.spans, (start,))
        last = bisect_right(self.spans, end, key=lambda span: span[1]) - 1
        cuts_first = first > 0 and self.spans[first - 1][1] > start
        cuts_last = last + 1 < len(self.spans) and self.spans[last + 1][0] < end
        return None if cuts_first or cuts_last or last < first else (first, last)

    def around(self, start: int, end: int) -> tuple[int, int]:
        """Returns the first and the last unit that hold a part of characters `start` to `end` (not
        included), which neither begin nor end with white space."""
        first = bisect_right(self.spans, start, key=lambda span: span[0]) - 1
        return first, bisect_left(self.spans, end, key=lambda span: span[1])


class Window(NamedTuple):
    """Units `first` to `last` (not included) of the `sample`-th text, behind the tokens `front`."""

    sample: int
    units: Units
    first: int
    last: int
    front: Sequence[int] = ()

    def gold(self) -> list[TokenSpan]:
        """Returns the entities inside, by index in the window."""
        inside = (one for one in self.units.gold or () if self.holds(one.first, one.last))
        return [TokenSpan(a - self.first, b - self.first, kind) for a, b, kind in inside]

    def cut_through(self) -> set[int]:
        """Returns the units of entities that are only partly inside, by index in the window."""
        return {
            index - self.first
            for one in self.units.gold or ()
            if not self.holds(one.first, one.last)
            for index in range(max(one.first, self.first), min(one.last + 1, self.last))
        }

    def holds(self, first: int, last: int) -> bool:
        """Whether units `first` to `last` of the text, both included, are inside."""
        return self.first <= first and last < self.last

    def depth(self, first: Any, last: Any) -> Any:
        """Returns how many units of the window are before or behind units `first` to `last` (of the
        text, integers or arrays), whichever is less; a border of the text does not count."""
        length = len(self.units.spans)
        left = first - self.first if self.first else first * 0 + length
        right = self.last - 1 - last if self.last < length else last * 0 + length
        return np.minimum(left, right)


def by_text(windows: Sequence[Window], values: Sequence[Value]) -> list[list[tuple[Window, Value]]]:
    """Groups windows and their values by the texts that they are of, all in order."""
    groups: dict[int, list[tuple[Window, Value]]] = {}
    for window, value in zip(windows, values, strict=True):
        groups.setdefault(window.sample, []).append((window, value))
    return list(groups.values())


def is_deepest(windows: Sequence[Window], index: int, first: int, last: int) -> bool:
    """Whether units are farthest from a border in one of the windows of their text.

    Args:
        windows: The windows of the text, in order.
        index: Index of the window, which holds the units.
        first, last: The units, both included.
    """
    # no window overlaps another than the one before and the one behind it
    beside = [one for one in windows[max(0, index - 1) : index + 2] if one.holds(first, last)]
    depths = [int(one.depth(first, last)) for one in beside]
    return int(windows[index].depth(first, last)) == max(depths)


def nearest_window(windows: Sequence[Window], length: int) -> np.ndarray:
    """Returns for each unit the index of the window in which it is farthest from a border, not
    counting those of the text.

    Args:
        windows: The windows of one text.
        length: Number of its units.
    """
    nearest, depths = np.zeros(length, int), np.full(length, -1)
    for index, window in enumerate(windows):
        inside = slice(window.first, window.last)
        units = np.arange(window.first, window.last)
        depth = window.depth(units, units)
        deeper = depth > depths[inside]
        nearest[inside][deeper], depths[inside][deeper] = index, depth[deeper]
    return nearest
