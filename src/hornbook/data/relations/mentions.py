"""Finds where the subject and the object of a triple are in its text."""

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
        subjects, objects = self._of(triple.subject), self._of(triple.object)
        missing = [
            name
            for name, starts in ((triple.subject, subjects), (triple.object, objects))
            if not starts
        ]
        if missing:
            how = "only inside a word or number" if missing[0] in self.text else "not in the text"
            return Unplaced(triple, f"{missing[0]!r:.40} is {how}")
        size, other_size = len(triple.subject), len(triple.object)
        nearest: tuple[int, int, int] | None = None
        for start in subjects:
            # all objects are equally long, so only the two around the subject can be the nearest
            index = bisect_left(objects, start)
            for other in objects[max(0, index - 1) : index + 1]:
                gap = max(0, start - other - other_size, other - start - size)
                if nearest is None or gap < nearest[0]:
                    nearest = gap, start, other
        assert nearest is not None  # there are subjects and objects
        _, start, other = nearest
        subject, target = Span(start, start + size), Span(other, other + other_size)
        return Relation(subject, triple.predicate, target)

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
