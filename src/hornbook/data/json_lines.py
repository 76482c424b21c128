"""Reads JSON lines: one object per line, checked, with the number of its line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from hornbook.data.problems import Problems, beginning
from hornbook.data.text_lines import MAX_LINE_BYTES, name_of, text_lines

_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_json_lines(
    source: str | Path,
    *,
    max_line_bytes: int = MAX_LINE_BYTES,
    stop_at_first: bool = False,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Gives `(line number from 1, object)` for each line that is not blank.

    Args:
        source: A path, `.gz` too, or `"-"` for standard input.
        max_line_bytes: A longer line is refused before it is read.
        stop_at_first: Raise at the first problem; else what is wrong in the whole file is
            said at once, after the rows before it were given.

    Raises:
        DataError: what is wrong, with file, line, column and the beginning of the line.
    """
    problems = Problems(stop_at_first=stop_at_first)
    lines = text_lines(source, problems, max_line_bytes=max_line_bytes)
    for row in parse_json_lines(lines, name_of(source), problems):
        if not problems.count:  # what follows a broken line would get out of step with the file
            yield row
    problems.raise_if_any(
        'Each line must be one JSON object, such as {"source": "...", "target": "..."}.'
    )


def parse_json_lines(
    lines: Iterable[tuple[int, str]], name: str, problems: Problems
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Parses numbered lines; those that are no JSON object are noted in `problems`."""
    for number, line in lines:
        text = line.strip(" \t\r\n")
        if not text:
            continue
        try:
            row = json.loads(text, parse_constant=_refuse_constant)
        except json.JSONDecodeError as error:
            column = error.pos + 1 + len(line) - len(line.lstrip(" \t\r\n"))
            what = f"column {column}: {error.msg}: {beginning(text)}"
        except RecursionError:
            what = f"nested too deeply: {beginning(text)}"
        except ValueError as error:  # NaN, or a number of more than 4,300 digits
            what = f"{error}: {beginning(text)}"
        else:
            if isinstance(row, dict):
                if _HALF_CHARACTER.search(text):
                    row = _whole_characters(row)
                yield number, row
                continue
            what = f"not a JSON object: {beginning(text)}"
        problems.add(f"{name}:{number}", what)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _whole_characters(value: Any) -> Any:
    """Replaces half an emoji (a text cut in the middle), which could not be written again."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_whole_characters(name): _whole_characters(item) for name, item in value.items()}
    return value
