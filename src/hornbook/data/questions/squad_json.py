"""SQuAD's JSON: articles with paragraphs, paragraphs with questions -> one row per question.

    {"data": [{"title": ..., "paragraphs": [{"context": ..., "qas": [{"question": ..., "id": ...,
     "answers": [{"text": ..., "answer_start": ...}], "is_impossible": false}]}]}]}

Each level may stand by itself: a list of articles, or a paragraph per line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hornbook.data.readers.problems import Problems

LEVELS = ("data", "paragraphs", "qas")  # the lists that are inside each other


def is_question_row(row: Mapping[str, Any]) -> bool:
    """Whether an object is a question, or has a list of them as in SQuAD's JSON."""
    return "question" in row or any(isinstance(row.get(level), list) for level in LEVELS)


def rows_of_squad(
    row: Mapping[str, Any], where: str, name: str, problems: Problems
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields the place and the row of each question in an object; of a question itself, the object.

    Args:
        row: The object.
        where: Its place, `file:line`.
        name: Of the file, for the places of questions with an id.
        problems: Gets what is no object.
    """
    level = next((one for one in LEVELS if isinstance(row.get(one), list)), None)
    if level is None or "question" in row:
        yield where, row
        return
    # the title of an article and the context of a paragraph are those of its questions
    above = {key: row[key] for key in ("title", "context") if key in row}
    for number, inner in enumerate(row[level], 1):
        if not isinstance(inner, Mapping):
            problems.add(where, f"element {number} of {level!r} is {inner!r:.60}, not an object")
            continue
        place = where
        if level == "qas" and inner.get("id") not in (None, ""):
            place = f"{name}, question {inner['id']}"
        elif level == "qas":
            place = f"{where}, {inner.get('question')!r:.60}"
        yield from rows_of_squad({**above, **inner}, place, name, problems)
