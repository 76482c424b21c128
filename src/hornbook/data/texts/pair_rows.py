"""Reads and checks one file of text pairs: JSON lines or a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hornbook.data.readers.in_memory_rows import MemoryRows, plain_row
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.row_files import place_of, rows_of
from hornbook.data.texts.labels import Trimming, trimmed

TEXTS = ("source", "target")
LABELS = ("label", "labelA", "labelB")  # the last two from the Sohu contest of 2021
_MEANING = {0: 0, 1: 1, "0": 0, "1": 1, "1.0": 1, "0.0": 0, "true": 1, "false": 0}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts, and whether they match by a criterion.

    Attributes:
        source: The first text.
        target: The second.
        label: 1 if they match, 0 if not, None for unlabeled pairs.
        criterion: What matching means here; "" if the row has none.
        where: `file:line`.
        extra: The row's other keys, such as `id`.
    """

    source: str
    target: str
    label: int | None
    criterion: str
    where: str
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


def read_pairs_to_predict(source: str | Path, criterion: str | None = None) -> Iterator[Pair]:
    """Yields the pairs of a file in order, without labels.

    Args:
        source: `.jsonl`, `.csv` or `.tsv` (`.gz` too), or `"-"`: standard input, whose first
            line tells JSON lines from a table.
        criterion: Criterion of rows without one.

    Raises:
        DataError: at the first row that is not a pair, with its line.
    """
    for number, row in rows_of(source, Problems(stop_at_first=True), TEXTS):
        yield pair_to_predict(row, place_of(source, number), criterion)


def pair_to_predict(row: Mapping[Any, Any], where: str, criterion: str | None = None) -> Pair:
    """Checks a row without a label.

    Args:
        row: The texts, and optionally a criterion.
        where: Location of the row, for messages.
        criterion: Criterion of a row without one.

    Raises:
        DataError: the row is not a pair.
    """
    row = plain_row(row)
    own = row.get("criterion")
    own = trimmed(own) if isinstance(own, str) else own
    problems = Problems(stop_at_first=True)
    pair = _pair(row, where, own if own else criterion or "", None, problems)
    assert pair is not None  # the first problem raises
    return pair


def read_labeled_pairs(
    path: Path | MemoryRows,
    criterion: str | Callable[[Mapping[str, Any]], object],
    problems: Problems,
    trimming: Trimming,
) -> list[Pair]:
    """Reads the labeled pairs of one file; adds problems to `problems`.

    Args:
        path: The file, or rows in memory.
        criterion: Criterion of all rows, or a function from a row to its criterion.
        problems: Collects the invalid rows.
        trimming: Strips the white space around criteria.
    """
    pairs = []
    # a table in memory may have the columns labelA and labelB, like a file; a tuple has one label
    for number, row in rows_of(path, problems, TEXTS, values=(*TEXTS, "label")):
        where = place_of(path, number)
        name = criterion if isinstance(criterion, str) else criterion(row)
        name = trimming(name, where) if isinstance(name, str) else name
        label = _label(row, name, where, problems)
        pair = _pair(row, where, name, label, problems)
        if pair is not None and label is not None:
            pairs.append(pair)
    return pairs


def _pair(
    row: Mapping[str, Any], where: str, criterion: object, label: int | None, problems: Problems
) -> Pair | None:
    wrong = [
        f"{name!r} is {'missing' if name not in row else 'not a text with letters in it'}"
        for name in TEXTS
        if not isinstance(row.get(name), str) or not row[name].strip()
    ]
    if not isinstance(criterion, str):
        wrong.append(f"'criterion' is {criterion!r}, not a text")
    if wrong:
        problems.add(where, "; ".join(wrong))
        return None
    assert isinstance(criterion, str)
    extra = {name: value for name, value in row.items() if name not in (*TEXTS, "criterion")}
    return Pair(row["source"], row["target"], label, criterion, where, extra)


def _label(row: Mapping[str, Any], criterion: object, where: str, problems: Problems) -> int | None:
    named = [name for name in LABELS if name in row]
    if len(named) > 1:  # labelA and labelB in one row: the criterion selects one
        fitting = [name for name in named if name.endswith(group_letter(criterion) or " ")]
        named = fitting if len(fitting) == 1 else named
    if len(named) != 1:
        what = f"the row has {' and '.join(named)}" if named else "'label' is missing"
        problems.add(where, what)
        return None
    value = row[named[0]]
    key = trimmed(value).lower() if isinstance(value, str) else value
    if isinstance(key, int | float | str) and key in _MEANING:
        return _MEANING[key]
    problems.add(where, f"{named[0]!r} is {value!r}; expected 0 or 1")
    return None


def group_letter(criterion: object) -> str | None:
    """Returns A or B for criteria such as `短短匹配A类`, `short-B`, `long_A`; else None."""
    name = str(criterion).removesuffix("类")
    letter = name[-1:]
    stands_alone = not (name[-2:-1].isascii() and name[-2:-1].isalpha())  # unlike STSB
    return letter if letter in ("A", "B") and stands_alone else None
