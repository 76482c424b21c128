"""A text with spans in it marked: right, missed and wrong ones."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from hornbook.report.charts.lettering import escape

KINDS = ("right", "missed", "wrong")


class Mark(NamedTuple):
    """A span `text[start:end]`, its kind, one of `KINDS`, and a label."""

    start: int
    end: int
    kind: str
    label: str


def marked_text(text: str, marks: Iterable[Mark]) -> str:
    """Returns HTML in which each span has the class of its kind and ends with its label.

    Spans may overlap: a part in several has the classes of all.
    """
    marks = sorted(marks)
    borders = sorted({0, len(text), *(x for mark in marks for x in (mark.start, mark.end))})
    parts = []
    for start, end in pairwise(borders):
        inside = [mark for mark in marks if mark.start <= start and end <= mark.end]
        part = escape(text[start:end])
        if inside:
            classes = " ".join(dict.fromkeys(mark.kind for mark in inside))
            labels = "".join(
                f'<small class="{mark.kind}">{escape(mark.label)}</small>'
                for mark in inside
                if mark.end == end
            )
            part = f'<mark class="{classes}">{part}</mark>{labels}'
        parts.append(part)
    return "".join(parts)
