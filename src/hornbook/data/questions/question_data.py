"""Questions with passages, for training, validation and test.

A folder with `train` and optionally `valid` and `test` files, or one file: SQuAD's JSON (see
`squad_json`), JSON lines or a table (see `question_rows`).  Without validation data the questions
of a tenth of the contexts are held out, so that no context is on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hornbook.data.questions.passage_question import Question
from hornbook.data.questions.question_rows import question_to_answer, read_questions
from hornbook.data.questions.squad_json import is_question_row, rows_of_squad
from hornbook.data.readers.in_memory_rows import (
    MemoryRows,
    plain_row,
)
from hornbook.data.readers.json_lines import MAX_ARRAY_BYTES, parse_json_lines
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.row_files import (
    TABLE_SUFFIXES,
    fingerprint_of,
    place_of,
    rows_of,
    split_by_content,
    suffix_of,
)
from hornbook.data.readers.text_lines import MAX_LINE_BYTES, name_of, text_lines
from hornbook.data.texts.splits import TextData
from hornbook.data.texts.summary import Reading

ADVICE = (
    'Expected SQuAD\'s JSON, or rows such as {"question": "...", "context": "...", '
    '"answer": "..."}.'
)
COLUMNS = ("question", "context")
READING: Reading[Question] = Reading(
    unit="questions",
    where=lambda one: one.where,
    labels=lambda one: sorted(one.golds or ()),
    content=lambda one: (one.question.strip(), one.passages),
    same=lambda one: (one.question.strip(), one.passages),
)


def questions_with_answers(
    path: Any, *, seed: int = 0, valid_fraction: float = 0.1
) -> TextData[Question]:
    """Finds the files of each split.

    Args:
        path: A folder or a file, see the module; or rows in memory, as in `question_rows`.
        seed: Seed of the split, if there is no validation file.
        valid_fraction: Share of the contexts that is held out then.

    Raises:
        DataError: no such folder.
    """
    return TextData.open(
        path,
        read=lambda file, _, problems, trimming: _read(file, problems),
        split_off=lambda questions: split_by_context(questions, seed=seed, fraction=valid_fraction),
        fingerprint=fingerprint,
        reading=READING,
        advice=ADVICE,
        expected="Expected train.jsonl or train.json in it, or a file.",
    )


def read_questions_to_answer(source: str | Path) -> Iterator[Question]:
    """Yields the questions of a file, or of `"-"`, standard input, without their answers.

    Raises:
        DataError: at the first row that is no question, with its place.
    """
    problems = Problems(stop_at_first=True)
    for where, row in _rows(source, problems):
        yield one_to_answer(row, where)


def one_to_answer(row: Mapping[Any, Any], where: str) -> Question:
    """Reads the question and the passages of a row; its answers are ignored.

    Raises:
        DataError: it has no question or no context.
    """
    question = question_to_answer(plain_row(row), where, Problems(stop_at_first=True))
    assert question is not None  # the first problem raises
    return question


def _read(source: Path | MemoryRows, problems: Problems) -> Iterator[Question]:
    return read_questions(_rows(source, problems), str(source), problems)


def _rows(
    source: str | Path | MemoryRows, problems: Problems
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields place and row of each question of a file or of rows in memory."""
    if isinstance(source, MemoryRows):
        for number, row in rows_of(source, problems, (), values=(*COLUMNS, "answer")):
            yield from rows_of_squad(row, place_of(source, number), str(source), problems)
        return
    name, suffix = name_of(source), suffix_of(Path(source))
    if suffix in TABLE_SUFFIXES:
        for number, row in rows_of(source, problems, COLUMNS):
            yield place_of(source, number), row
        return
    # SQuAD's file is one object, often on one line
    longest = MAX_ARRAY_BYTES if suffix == ".json" else MAX_LINE_BYTES
    lines = text_lines(source, problems, max_line_bytes=longest, max_array_bytes=MAX_ARRAY_BYTES)
    for number, row in parse_json_lines(lines, name, problems, is_question_row):
        yield from rows_of_squad(row, f"{name}:{number}", name, problems)


def split_by_context(
    questions: list[Question], *, seed: int = 0, fraction: float = 0.1
) -> tuple[list[Question], list[Question]]:
    """Splits questions in two so that no passage is on both sides."""
    group = _groups(questions)
    return split_by_content(
        questions, lambda one: group[one.passages[0]], lambda _: "", seed=seed, fraction=fraction
    )


def _groups(questions: Sequence[Question]) -> dict[str, str]:
    """Returns for each passage one that stands for all that are joined by shared questions."""
    parent: dict[str, str] = {}

    def root(passage: str) -> str:
        parent.setdefault(passage, passage)
        while parent[passage] != passage:
            parent[passage] = parent[parent[passage]]
            passage = parent[passage]
        return passage

    for one in questions:
        first = root(one.passages[0])
        for other in map(root, one.passages[1:]):
            # the same one, whatever the order of the rows
            first, later = sorted((first, other))
            parent[later] = first
    return {passage: root(passage) for passage in parent}


def fingerprint(questions: Iterable[Question]) -> str:
    """Returns a SHA-256 of everything a model sees, to recognize the same data."""
    return fingerprint_of((one.question, one.passages, one.golds, one.spans) for one in questions)
