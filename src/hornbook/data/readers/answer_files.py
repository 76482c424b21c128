"""Writes predictions as they arrive: JSON lines or a table."""

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
    """Prints one JSON object per line."""
    for answer in answers:
        print(
            json.dumps(answer, ensure_ascii=False), flush=True
        )  # the reader of a pipe waits for it


def check_ending(path: Path) -> None:
    """Checks, before anything is computed, that answers can be written to `path`.

    Raises:
        OptionError: the suffix names no known format.
    """
    known = (*JSON_ENDINGS, *DELIMITERS)
    if path.suffix.lower() not in known:
        raise OptionError(
            f"--out {path}: the suffix determines the format; expected one of {', '.join(known)}."
        )


def write_answers(path: Path, answers: Iterable[Mapping[str, Any]]) -> int:
    """Writes a file atomically and returns the number of answers.

    Args:
        path: `.jsonl`, `.csv` or `.tsv`.
        answers: The answers; the first one determines the columns of a table.

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
