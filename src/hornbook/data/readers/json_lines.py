"""Reads JSON rows: one object per line, or a JSON array of objects, checked, with line numbers.

An array, on one or many lines, is what `DataFrame.to_json(orient="records")` writes.  Consecutive
objects over several lines each (the output of `jq`) are read as well.  Columns, or rows inside an
object, are refused with one message.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from hornbook.data.readers.problems import Problems, beginning
from hornbook.data.readers.text_lines import MAX_LINE_BYTES, name_of, text_lines
from hornbook.tabular.lines import line_ends
from hornbook.tabular.other_formats import refuse_page

MAX_ARRAY_BYTES = 2**30  # an array is held in memory
BLANKS = " \t\r\n"
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANK = re.compile(r"[ \t\r\n]*")


def read_json_lines(
    source: str | Path,
    *,
    max_line_bytes: int = MAX_LINE_BYTES,
    stop_at_first: bool = False,
    encoding: str | None = None,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields `(line number from 1, object)` for each object.

    Args:
        source: A path, `.gz` too, or `"-"` for standard input.
        max_line_bytes: Longer lines are refused before they are read.
        stop_at_first: Whether to raise at the first problem, or all problems of the file at the
            end, after the rows before them.
        encoding: A Python encoding name.  Defaults to detecting it.

    Raises:
        DataError: the problems, with file, line, column and the beginning of the line.
    """
    problems = Problems(stop_at_first=stop_at_first)
    lines = text_lines(
        source,
        problems,
        encoding=encoding,
        max_line_bytes=max_line_bytes,
        max_array_bytes=MAX_ARRAY_BYTES,
    )
    for row in parse_json_lines(lines, name_of(source), problems):
        if not problems.count:  # rows after a broken line would be out of step with the file
            yield row
    problems.raise_if_any(
        'Each line must be one JSON object, such as {"source": "...", "target": "..."}.'
    )


def parse_json_lines(
    lines: Iterable[tuple[int, str]],
    name: str,
    problems: Problems,
    is_row: Callable[[dict[str, Any]], bool] = lambda row: False,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Parses numbered lines; adds anything but JSON objects to `problems`.

    Args:
        lines: The lines.
        name: Name of the file.
        problems: Collects what is no row.
        is_row: Whether an object is certainly a row, though it has lists of objects or of lists; a
            file of one other such object is refused, since the lists look like the rows.
    """
    lines = line_ends(lines)
    first = next(((number, line) for number, line in lines if line.strip(BLANKS)), None)
    if first is None:
        return
    refuse_page(first[1], name)
    lines = chain([first], lines)
    if _is_incomplete(first[1]):
        yield from _parse_whole(lines, name, problems, is_row)
        return
    rows = _parse_each(lines, name, problems)
    for number, row in rows:
        if number == first[0] and not is_row(row) and (what := _wrapped(row)):
            following = next(lines, None)
            if following is None:
                problems.add(f"{name}:{number}", what)
                return
            lines = chain([following], lines)
            yield number, row
            yield from _parse_each(lines, name, problems)
            return
        yield number, row


def _parse_each(
    lines: Iterable[tuple[int, str]], name: str, problems: Problems
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the objects of lines that hold one each."""
    for number, line in lines:
        text = line.strip(BLANKS)
        if not text:
            continue
        try:
            row = DECODER.decode(text)
        except json.JSONDecodeError as error:
            column = error.pos + 1 + len(line) - len(line.lstrip(BLANKS))
            what = f"column {column}: {error.msg}: {beginning(text)}"
        except RecursionError:
            what = f"nested too deeply: {beginning(text)}"
        except ValueError as error:  # NaN, a repeated key, or a number of more than 4,300 digits
            what = f"{error}: {beginning(text)}"
        else:
            if isinstance(row, dict):
                yield number, _whole_characters(row) if _HALF_CHARACTER.search(text) else row
                continue
            what = f"not a JSON object: {beginning(text)}"
        problems.add(f"{name}:{number}", what)


def _is_incomplete(line: str) -> bool:
    """Whether the first line begins an array, or an object that does not end on it."""
    text = line.strip(BLANKS)
    if text.startswith("["):
        return True
    if not text.startswith("{"):
        return False
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(text)
    except (RecursionError, ValueError):
        pass
    return False


def _parse_whole(
    lines: Iterable[tuple[int, str]],
    name: str,
    problems: Problems,
    is_row: Callable[[dict[str, Any]], bool],
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the objects of a text that is JSON as a whole: an array, or multi-line objects.

    Only the first problem is reported: the text after it cannot be parsed.
    """
    line, text = 0, ""
    pieces = []
    for number, piece in lines:
        line = line or number
        pieces.append(piece)
    text = "".join(pieces)
    del pieces
    whole = _Whole(text, line, name, problems)
    yield from whole.array() if text.lstrip(BLANKS)[:1] == "[" else whole.objects(is_row)


class _Whole:
    """Parses a JSON text value by value, counting lines."""

    def __init__(self, text: str, line: int, name: str, problems: Problems) -> None:
        self._text = text
        self._at = self._counted = 0
        self._line = line
        self._name = name
        self._problems = problems

    def array(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yields the objects of an array."""
        self._skip()
        self._at += 1
        while self._skip() != "]":
            line = self._count()
            row = self._value()
            if row is None:
                return
            yield line, row
            sign = self._skip()
            if sign == ",":
                self._at += 1
            elif sign != "]":
                self._refuse("',' or ']' expected after a row of the JSON array")
                return
        self._at += 1
        if self._skip():
            self._refuse("text after the end of the JSON array")

    def objects(
        self, is_row: Callable[[dict[str, Any]], bool]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yields consecutive objects over several lines each."""
        only: tuple[int, dict[str, Any]] | None = None
        number = 0
        while self._skip():
            line = self._count()
            row = self._value()
            if row is None:
                return
            number += 1
            if number == 1:
                only = (line, row)
                continue
            if only is not None:
                yield only
                only = None
            yield line, row
        if only is not None:
            if not is_row(only[1]) and (what := _wrapped(only[1])):
                self._problems.add(f"{self._name}:{only[0]}", what)
            else:
                yield only

    def _skip(self) -> str:
        """Skips blanks; returns the character after them."""
        match = _BLANK.match(self._text, self._at)
        assert match is not None  # it also matches the empty string
        self._at = match.end()
        return self._text[self._at : self._at + 1]

    def _count(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _value(self) -> dict[str, Any] | None:
        start = self._at
        try:
            value, self._at = DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = error.pos
            self._refuse(error.msg)
            return None
        except RecursionError:
            self._refuse("nested too deeply")
            return None
        except ValueError as error:
            self._refuse(f"{error}")
            return None
        if not isinstance(value, dict):
            self._at = start
            self._refuse("each row must be a JSON object, with names")
            return None
        has_half = _HALF_CHARACTER.search(self._text, start, self._at)
        return _whole_characters(value) if has_half else value

    def _refuse(self, what: str) -> None:
        line = self._count()
        start = self._text.rfind("\n", 0, self._at) + 1
        shown = beginning(self._text[start : start + 200].split("\n")[0].strip(BLANKS))
        self._problems.add(
            f"{self._name}:{line}", f"column {self._at - start + 1}: {what}: {shown}"
        )


def _wrapped(row: dict[str, Any]) -> str:
    """Returns the problem if the only object of a file holds the rows, else an empty string."""
    lists = [name for name, value in row.items() if isinstance(value, list) and _is_rows(value)]
    if lists:
        return (
            f"the rows are in {lists[0]!r} of one JSON object; "
            "write the array alone, or one object per line"
        )
    columns = list(row.values())
    if len(columns) > 1 and (
        all(isinstance(column, dict) for column in columns)
        or all(isinstance(column, list) and len(column) > 1 for column in columns)
    ):
        return (
            "this JSON holds columns, not rows; write one object per row "
            '(pandas: to_json(path, orient="records", lines=True, force_ascii=False))'
        )
    return ""


def _is_rows(value: list[Any]) -> bool:
    return bool(value) and (
        all(isinstance(row, dict) for row in value) or all(isinstance(row, list) for row in value)
    )


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _with_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns an object; Python would silently keep the last value of a repeated key."""
    row = dict(pairs)
    if len(row) < len(pairs):
        key = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {key!r} occurs more than once in an object")
    return row


DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_with_unique_keys)


def _whole_characters(value: Any) -> Any:
    """Replaces lone surrogates (of an emoji cut in half), which UTF-8 cannot encode."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_whole_characters(name): _whole_characters(item) for name, item in value.items()}
    return value
