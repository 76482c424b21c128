"""Finds where the strings of relations and events are in their text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from hornbook.data.entities.units import unit_spans
from hornbook.data.relations.related_text import Relation, Span, Triple, Unplaced


class Mentions:
    """Occurrences of strings in a text, on the borders of its units: `art` is not in `part`.

    Args:
        text: The text.
    """

    def __init__(self, text: str):
        self.text = text
        units = unit_spans(text)
        self._starts = {start for start, _ in units}
        self._ends = {end for _, end in units}
        self._known: dict[str, list[int]] = {}

    def place(self, triple: Triple) -> Relation | Unplaced:
        """Returns the places of subject and object: of all pairs the two nearest to each other, and
        of those the first."""
        for name in (triple.subject, triple.object):
            if name not in self:
                return Unplaced(triple, self.why_missing(name))
        subject, target = self.together([triple.subject, triple.object])
        return Relation(subject, triple.predicate, target)

    def __contains__(self, name: str) -> bool:
        return bool(self._of(name))

    def together(self, names: Sequence[str]) -> list[Span]:
        """Returns the places of strings that are in the text: of the first string the one to which
        the others are nearest, their distances added up, and of each other string the one nearest
        to that; of equally near ones the first."""
        first, *others = names
        best: tuple[int, list[Span]] | None = None
        for start in self._of(first):
            place = Span(start, start + len(first))
            nearest = [self._nearest(name, place) for name in others]
            candidate = sum(gap for gap, _ in nearest), [place, *(span for _, span in nearest)]
            best = candidate if best is None else min(best, candidate)
        assert best is not None  # the string is in the text
        return best[1]

    def nearest(self, name: str, to: Span) -> Span:
        """Returns the place of a string in the text that is nearest to a span, and of those the
        first."""
        return self._nearest(name, to)[1]

    def why_missing(self, name: str) -> str:
        """Says why a string without a place has none."""
        how = "only inside a word or number" if name in self.text else "not in the text"
        return f"{name!r:.40} is {how}"

    def _nearest(self, name: str, to: Span) -> tuple[int, Span]:
        """Returns the occurrence of a string nearest to a span, and the characters between them."""
        starts = self._of(name)
        # all are equally long, so only the two around the span can be the nearest
        index = bisect_left(starts, to.start)
        spans = [Span(one, one + len(name)) for one in starts[max(0, index - 1) : index + 1]]
        return min((max(0, to.start - one.end, one.start - to.end), one) for one in spans)

    def _of(self, name: str) -> list[int]:
        """Returns where a string begins in the text."""
        if name not in self._known:
            starts = []
            start = self.text.find(name)
            while start >= 0:
                if start in self._starts and start + len(name) in self._ends:
                    starts.append(start)
                start = self.text.find(name, start + 1)
            self._known[name] = starts
        return self._known[name]
