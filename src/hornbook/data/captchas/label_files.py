"""Reads label files: `labels.csv`, `train_labels.csv`, `labels.txt`, `labels.json`.

A label file is recognized by its contents: one of its columns holds names of the images.  Supported
are tables with or without a header line, separated by comma, semicolon, tab, `|` or blanks (`name
label`), JSON lines, a JSON array of objects, and a JSON object `{"1.png": "7h2k"}`.  Labels stay
text: `0007`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hornbook.data.readers.header_tables import parse_table
from hornbook.data.readers.json_lines import DECODER, parse_json_lines
from hornbook.data.readers.problems import Problems, beginning
from hornbook.data.readers.text_lines import text_lines
from hornbook.errors import DataError

SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl")
MAX_BYTES = 256 * 2**20
_SAMPLE = 100  # lines that determine the layout of a file
_NAME_COLUMNS = """file filename file_name image image_name image_id image_file img img_name
img_path path filepath file_path image_path picture name id 文件 文件名 图片"""
_LABEL_COLUMNS = """label labels text texts word words captcha code value transcription solution
answer gt ground_truth groundtruth target string content 标签 标注 文本 内容 答案 验证码"""
_LABELISH = re.compile(
    r"label|(?<![a-z])gt(?![a-z])|ground_?truth|annotation|transcription|标签|标注", re.I
)
_ANSWERS = {
    "confidence",
    "character_confidence",
    "probability",
}  # columns of a prediction file, not of a label file
_EXCEL = re.compile(r"sep=.", re.I)  # a line that Excel writes above the header


@dataclass(frozen=True)
class LabelRow:
    """A row of a label file: its line, the image name as written there, and the label."""

    line: int
    name: str
    label: str


def is_labelish(path: Path) -> bool:
    """Whether the name of a file suggests that it holds labels."""
    return _LABELISH.search(path.stem) is not None


def read_label_file(path: Path, known: Container[str]) -> list[LabelRow] | None:
    """Returns the rows of a file that names images, or None if it names none.

    Args:
        path: A file with one of `SUFFIXES`.
        known: Names and stems of images, without folders.

    Raises:
        DataError: it names images, but the label column is unclear or rows do not fit.
    """
    if path.stat().st_size > MAX_BYTES:
        raise DataError(
            f"{path} is larger than {MAX_BYTES // 2**20} MiB, too large for a table of labels."
        )
    if path.suffix.lower() in (".json", ".jsonl"):
        return _of_json(path, known)
    problems = Problems()
    try:
        lines = [(number, line) for number, line in text_lines(path, problems) if line.strip()]
    except DataError:
        if is_labelish(path):
            raise
        return None  # another kind of file, in another encoding
    if lines and _EXCEL.fullmatch(lines[0][1].strip("\r\n\ufeff")):
        del lines[0]
    layout = _layout([line for _, line in lines[:_SAMPLE]], known)
    if layout is None or not (layout.by_file_name or is_labelish(path)):
        return None  # numbers that happen to equal names without suffix
    header = {cell.lower() for cell in _cells(lines[0][1], layout.delimiter)}
    if header & _ANSWERS and not is_labelish(path):
        return None
    rows = list(_rows(path, lines, layout, problems))
    if _are_names(rows):
        return None
    problems.raise_if_any()
    _refuse_row_numbers(path, rows)
    return rows


@dataclass(frozen=True)
class _Layout:
    delimiter: str  # " ": the name ends at the first blank, "  ": at the last
    name: int  # column
    has_header: bool
    by_file_name: bool = True  # whether names have a suffix, or the header calls them names


def _layout(lines: Sequence[str], known: Container[str]) -> _Layout | None:
    """Finds the delimiter and column with which most lines name an image."""
    best, most = None, 0.0
    for delimiter in ("\t", ",", ";", "|", " ", "  "):
        cells = [_cells(line, delimiter) for line in lines]
        for column in range(min(max(map(len, cells), default=0), 20)):
            named = [len(row) > max(column, 1) and _names(row[column], known) for row in cells]
            exact = any(yes and "." in row[column] for yes, row in zip(named, cells, strict=True))
            score = sum(named) + 0.5 * exact  # 7h2k.png, and not the label 7h2k beside it
            if any(named) and score > most:
                first = cells[0][column].lower() if len(cells[0]) > column else ""
                has_header = not (named[0] or (len(lines) > 1 and _like_a_file(first)))
                exact = exact or first in _NAME_COLUMNS.split()
                best, most = _Layout(delimiter, column, has_header, exact), score
    if best is None and lines:
        return _header_of(lines[0])
    return best


def _header_of(line: str) -> _Layout | None:
    """Returns the layout of `file,label`, even if none of the named images exists."""
    for delimiter in ("\t", ",", ";"):
        header = [cell.lower() for cell in _cells(line, delimiter)]
        if {"file", "label"} <= set(header):
            return _Layout(delimiter, header.index("file"), has_header=True)
    return None


def _rows(
    path: Path, lines: Sequence[tuple[int, str]], layout: _Layout, problems: Problems
) -> Iterator[LabelRow]:
    if layout.delimiter in ("|", " ", "  "):
        for number, line in lines[layout.has_header :]:
            cells = _cells(line, layout.delimiter)
            if len(cells) != 2:
                problems.add(
                    f"{path}:{number}", f"expected a name and a label: {beginning(line.strip())}"
                )
                continue
            yield LabelRow(number, cells[layout.name], cells[1 - layout.name])
        return
    header = _cells(lines[0][1], layout.delimiter)
    if layout.name >= len(header):
        raise DataError(
            f"{path}:{lines[0][0]}: expected at least {layout.name + 1} columns, as in the lines "
            f"that name images, found {len(header)}: {beginning(lines[0][1].strip())}"
        )
    if layout.has_header:
        label = _label_column(path, header, layout.name)
    elif len(header) == 2:
        label = 1 - layout.name
        lines = [(0, layout.delimiter.join(("a", "b"))), *lines]
    else:
        raise DataError(
            f"{path} has {len(header)} columns and no header line.\n"
            "Add one that names the columns file and label."
        )
    for number, row in parse_table(lines, str(path), problems, separator=layout.delimiter):
        cells = list(row.values())
        yield LabelRow(number, cells[layout.name].strip(), cells[label].strip())


def _label_column(path: Path, header: Sequence[str], name: int) -> int:
    others = [place for place in range(len(header)) if place != name]
    known = [place for place in others if header[place].lower() in _LABEL_COLUMNS.split()]
    if len(others) != 1 and len(known) != 1:
        listed = ", ".join(header[place] for place in others)
        raise DataError(
            f"{path}: which column is the label?  There are {listed or 'none'} beside "
            f"{header[name]}.\nName it label."
        )
    return (known or others)[0]


def _of_json(path: Path, known: Container[str]) -> list[LabelRow] | None:
    problems = Problems()
    try:
        rows = list(_json_rows(path, known, problems))
    except DataError:
        if is_labelish(path):
            raise
        return None  # another kind of JSON file
    if not any(_names(row.name, known) for row in rows) or _are_names(rows):
        return None
    problems.raise_if_any()
    _refuse_row_numbers(path, rows)
    return rows


def _refuse_row_numbers(path: Path, rows: Sequence[LabelRow]) -> None:
    """Raises DataError if the labels only number the rows, from 0 or 1."""
    labels = [row.label for row in rows]
    if len(labels) < 3 or not all(label.isdecimal() and len(label) < 10 for label in labels):
        return
    numbers = [int(label) for label in labels]
    in_order = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    # in another order, 0000 to 9999 are all texts of four digits
    is_every_text = len(labels) == 10 ** len(labels[0])
    is_counted = sorted(numbers) == list(range(min(numbers), min(numbers) + len(numbers)))
    if min(numbers) in (0, 1) and (in_order or (is_counted and not is_every_text)):
        raise DataError(
            f"{path}: the labels look like row numbers ({', '.join(labels[:3])} ...).\n"
            "If the text is in another column, name that one label, and remove or rename this one."
        )


def _json_rows(path: Path, known: Container[str], problems: Problems) -> Iterator[LabelRow]:
    lines = text_lines(path, problems)
    if path.suffix.lower() == ".jsonl":
        pairs: Any = parse_json_lines(lines, str(path), problems)
    else:
        text = "".join(line for _, line in lines)
        problems.raise_if_any()
        try:
            value = DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} is not JSON: {error}.") from None
        if isinstance(value, dict) and not isinstance(next(iter(value.values()), None), list):
            for name, label in value.items():
                label = _of_object(label, _LABEL_COLUMNS) if isinstance(label, dict) else label
                yield from _json_row(path, 1, name, label, problems)
            return
        rows = next(iter(value.values()), []) if isinstance(value, dict) else value
        pairs = enumerate(rows, 1) if isinstance(rows, list) else []
    for number, row in pairs:
        if isinstance(row, Mapping) and not (_ANSWERS & set(row) and not is_labelish(path)):
            named = [value for value in row.values() if _names(value, known)]
            name = _of_object(row, _NAME_COLUMNS) or next(iter(named), None)
            yield from _json_row(path, number, name, _of_object(row, _LABEL_COLUMNS), problems)


def _json_row(
    path: Path, number: int, name: Any, label: Any, problems: Problems
) -> Iterator[LabelRow]:
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)
    if isinstance(name, str) and isinstance(label, str):
        yield LabelRow(number, name.strip(), label.strip())
    else:
        problems.add(f"{path}:{number}", f"name and label must be text: {name!r}, {label!r}")


def _of_object(row: Mapping[str, Any], columns: str) -> Any:
    by_name = {str(name).lower(): value for name, value in row.items()}
    return next((by_name[column] for column in columns.split() if column in by_name), None)


def _cells(line: str, delimiter: str) -> list[str]:
    line = line.strip("\r\n\ufeff")
    if delimiter == " ":
        return line.strip().split(maxsplit=1)
    if delimiter == "  ":
        return line.strip().rsplit(maxsplit=1)
    return [cell.strip().strip('"') for cell in line.split(delimiter)]


def _names(cell: Any, known: Container[str]) -> bool:
    if not isinstance(cell, str):
        return False
    return unicodedata.normalize("NFC", re.split(r"[/\\]", cell.strip())[-1]) in known


def _are_names(rows: Sequence[LabelRow]) -> bool:
    """Whether the labels are image names themselves: a list of renamed or copied files."""
    return 2 * sum(_like_a_file(row.label.lower()) for row in rows) > len(rows)


def _like_a_file(cell: str) -> bool:
    return re.search(r"\.[a-z]{3,4}$", cell) is not None
