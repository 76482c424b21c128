"""Answers written as they come: JSON lines, or a table."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hornbook.errors import OptionError
from hornbook.files import atomic_file

DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_ENDINGS = (".jsonl", ".json", ".txt")


def print_answers(answers: Iterable[Mapping[str, Any]]) -> None:
    """Prints one JSON object a line."""
    for answer in answers:
        print(json.dumps(answer, ensure_ascii=False), flush=True)  # who reads a pipe waits for it


def check_ending(path: Path) -> None:
    """Makes sure that answers can be written to `path`, before anything is computed.

    Raises:
        OptionError: for an ending that names no format.
    """
    known = (*JSON_ENDINGS, *DELIMITERS)
    if path.suffix.lower() not in known:
        raise OptionError(
            f"--out {path}: the ending says the format; expected one of {', '.join(known)}."
        )


def write_answers(path: Path, answers: Iterable[Mapping[str, Any]]) -> int:
    """Writes a file, whole or not at all, and returns how many answers it has.

    Args:
        path: `.jsonl`, `.csv` or `.tsv`.
        answers: One by one; a table's columns are those of the first.

    Raises:
        OptionError: see `check_ending`.
    """
    check_ending(path)
    ending = path.suffix.lower()
    with atomic_file(path, "w") as file:
        if ending in DELIMITERS:
            return _write_table(file, answers, DELIMITERS[ending])
        return sum(1 for _ in _write_lines(file, answers))


def _write_lines(file: Any, answers: Iterable[Mapping[str, Any]]) -> Iterator[None]:
    for answer in answers:
        file.write(json.dumps(answer, ensure_ascii=False) + "\n")
        yield


def _write_table(file: Any, answers: Iterable[Mapping[str, Any]], delimiter: str) -> int:
    writer, count = None, 0
    for answer in answers:
        count += 1
        if writer is None:
            writer = csv.DictWriter(
                file, list(answer), delimiter=delimiter, restval="", extrasaction="ignore"
            )
            writer.writeheader()
        writer.writerow(answer)
    return count
