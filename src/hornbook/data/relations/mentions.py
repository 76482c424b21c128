"""Finds where the strings of relations and events are in their text."""

from __future__ import annotations

from bisect import bisect_left

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
            if not self._of(name):
                return Unplaced(triple, self.why_missing(name))
        size = len(triple.subject)
        nearest: tuple[int, Span, Span] | None = None
        for start in self._of(triple.subject):
            subject = Span(start, start + size)
            gap, target = self._nearest(triple.object, subject)
            if nearest is None or (gap, subject, target) < nearest:
                nearest = gap, subject, target
        assert nearest is not None  # there are subjects and objects
        _, subject, target = nearest
        return Relation(subject, triple.predicate, target)

    def nearest(self, name: str, to: Span | None = None) -> Span | None:
        """Returns the place of a string, the one nearest to a span and of those the first; None if
        it is not in the text.

        Args:
            name: The string.
            to: The span.  Defaults to the beginning of the text.
        """
        return self._nearest(name, to or Span(0, 0))[1] if self._of(name) else None

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
