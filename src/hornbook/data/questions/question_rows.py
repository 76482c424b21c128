"""Rows with a question, its context and its answer.

    {"question": ..., "context": ..., "answer": ..., "start": ...}     the start may be missing
    {"question": ..., "context": ..., "answers": {"text": [...], "answer_start": [...]}}
    {"question": ..., "context": ..., "answers": [{"text": ..., "answer_start": ...}]}
    {"question": ..., "contexts": [..., ...], "answer": ...}           several passages

An answer that is None, "" or an empty list says that the context does not answer the question, as
does `is_impossible`.  The start of an answer is that of its first character.  Without one, every
occurrence of the answer counts as right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hornbook.data.questions.passage_question import AnswerSpan, Question, places_of
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.text_lines import note_once
from hornbook.data.readers.text_rows import checked_text

CONTEXT_KEYS = ("context", "passage")
LIST_KEYS = ("contexts", "passages")
START_KEYS = ("answer_start", "start")
PREDICTED = ("answer", *START_KEYS, "end", "probability")  # left out of a row to be answered
EXPECTED = 'expected a text in "answer", or null if the context does not answer the question'


class _Gold(NamedTuple):
    text: str
    start: int | None


class _Tally:
    """Counts the answers of a file that are not where they should be."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.first: dict[str, str] = {}

    def add(self, what: str, place: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
        self.first.setdefault(what, place)

    def note(self, name: str) -> None:
        for what, count in self.counts.items():
            place = self.first[what].removeprefix(f"{name}, ")
            note_once(f"{name}: {what}: {count:,}, the first at {place}")


MOVED = "answers that do not stand at their start, and were found elsewhere"
ABSENT = "answers that are not in the context, beside others that are; they only count in metrics"


def read_questions(
    rows: Iterable[tuple[str, Mapping[str, Any]]], name: str, problems: Problems
) -> Iterator[Question]:
    """Reads the questions of a file with their answers.

    Args:
        rows: Place and row of each.
        name: Of the file, for messages.
        problems: Gets what is wrong with the rows.
    """
    tally = _Tally()
    for where, row in rows:
        asked = _asked(row, where, problems)
        golds = _golds(row, where, problems)
        if asked is None or golds is None:
            continue
        spans = _spans(golds, asked.passages, where, problems, tally)
        if golds and not spans:
            continue
        texts = tuple(dict.fromkeys(gold.text for gold in golds))
        yield Question(asked.question, asked.passages, texts, spans, where, asked.row)
    tally.note(name)


def question_to_answer(row: Mapping[str, Any], where: str, problems: Problems) -> Question | None:
    """Reads the question and the passages of a row; its answers are ignored."""
    return _asked(row, where, problems)


def _asked(row: Mapping[str, Any], where: str, problems: Problems) -> Question | None:
    before = problems.count
    question = checked_text(row.get("question"), where, problems, "question")
    texts, key = _passages(row)
    if not texts:
        problems.add(where, f"{key!r} is {'empty' if key in row else 'missing'}")
    for number, text in enumerate(texts, 1):
        several = f"element {number} of {key}"
        checked_text(text, where, problems, several if key in LIST_KEYS else key)
    if problems.count > before or question is None:
        return None
    own = {name: value for name, value in row.items() if name not in PREDICTED}
    if isinstance(own.get("passage"), int):  # the index in an answer
        del own["passage"]
    return Question(question, tuple(texts), None, (), where, own)


def _passages(row: Mapping[str, Any]) -> tuple[list[Any], str]:
    """Returns the texts of a row, and the key that they have."""
    for key in LIST_KEYS:
        if isinstance(row.get(key), list):
            return row[key], key
    for key in CONTEXT_KEYS:
        if row.get(key) is not None and not isinstance(row[key], int):
            return [row[key]], key
    return [], "context"


def _golds(row: Mapping[str, Any], where: str, problems: Problems) -> list[_Gold] | None:
    """Returns the answers of a row, or adds a problem and returns None."""
    values = [row[key] for key in ("answers", "answer") if key in row]
    if not values and not row.get("is_impossible"):
        problems.add(where, f"no answer; {EXPECTED}")
        return None
    value = next((one for one in values if one is not None), None)
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping) and isinstance(_plain(value.get("text")), list):
        texts, starts = _plain(value["text"]), _plain(_start_in(value))
        starts = starts if isinstance(starts, list) else [None] * len(texts)
        if len(starts) != len(texts):
            what = f"{len(texts)} answers with {len(starts)} starts; expected one for each"
            problems.add(where, what)
            return None
        pairs = list(zip(texts, starts, strict=True))
    elif isinstance(value, str):
        pairs = [(value, _start_in(row))]
    elif isinstance(value, list | Mapping):
        for one in value if isinstance(value, list) else [value]:
            pairs.append(
                (one.get("text"), _start_in(one)) if isinstance(one, Mapping) else (one, None)
            )
    elif value is not None and value == value:  # NaN: an empty cell
        problems.add(where, f"the answer is {value!r:.60}; {EXPECTED}")
        return None
    golds = [_gold(text, start, where, problems) for text, start in pairs]
    if None in golds:
        return None
    own = [gold for gold in golds if gold is not None and gold.text]
    if own and row.get("is_impossible") is True:
        problems.add(where, f"is_impossible is true, and the answer is {own[0].text!r:.40}")
        return None
    return own


def _plain(value: Any) -> Any:
    """Returns a list in place of an array, which Parquet files have in pandas."""
    return value.tolist() if hasattr(value, "tolist") else value


def _start_in(value: Mapping[str, Any]) -> Any:
    return next((value[key] for key in START_KEYS if key in value), None)


def _gold(text: Any, start: Any, where: str, problems: Problems) -> _Gold | None:
    """Returns an answer without white space around it, and where it starts."""
    if not isinstance(text, str):
        problems.add(where, f"the answer is {text!r:.60}; {EXPECTED}")
        return None
    if isinstance(start, str) and start.strip().lstrip("-").isdecimal():  # of a table
        start = int(start)
    if isinstance(start, float) and start.is_integer():
        start = int(start)
    if start in ("", None) or (isinstance(start, float) and start != start):
        start = -1
    if not isinstance(start, int) or isinstance(start, bool):
        problems.add(where, f"the start of an answer is {start!r:.40}; expected an integer")
        return None
    before = len(text) - len(text.lstrip())
    return _Gold(text.strip(), start + before if start >= 0 else None)


def _spans(
    golds: list[_Gold], passages: tuple[str, ...], where: str, problems: Problems, tally: _Tally
) -> tuple[AnswerSpan, ...]:
    """Finds the answers in the passages; adds a problem if none of them is there."""
    spans: set[AnswerSpan] = set()
    absent = 0
    for gold in golds:
        places, distance = places_of(gold.text, gold.start, passages)
        spans.update(places)
        absent += not places
        if distance:
            tally.add(MOVED, where)
    if golds and not spans:
        named = "context" if len(passages) == 1 else "contexts"
        what = f"the answer {golds[0].text!r:.60} is not in the {named}"
        problems.add(where, f"{what}; correct it, or write null if there is no answer")
    elif absent:
        for _ in range(absent):
            tally.add(ABSENT, where)
    return tuple(sorted(spans))
