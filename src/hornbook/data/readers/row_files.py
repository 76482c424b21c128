"""Reads rows from JSON lines or tables, and splits samples by content."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from hornbook.data.readers.header_tables import parse_table
from hornbook.data.readers.in_memory_rows import MemoryRows
from hornbook.data.readers.json_lines import MAX_ARRAY_BYTES, parse_json_lines
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.text_lines import name_of, text_lines

TABLE_SUFFIXES = (".csv", ".tsv")
JSON_SUFFIXES = (".jsonl", ".txt", ".ndjson", ".json")
Sample = TypeVar("Sample")


def rows_of(
    source: str | Path | MemoryRows,
    problems: Problems,
    columns: Sequence[str],
    *,
    values: Sequence[str] | None = None,
    encoding: str | None = None,
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yields `(line number, row)` from a file of either kind.

    Args:
        source: `.csv` or `.tsv`; `.jsonl`, or `.json` with an array (`.gz` and `.zst` too); or rows
            in memory.  For `.txt` and `"-"`, standard input, the first line decides between JSON
            and a table.
        problems: Collects the invalid rows.
        columns: Columns that a table must have.
        values: Names of the values of a tuple in memory.  Defaults to `columns`.
        encoding: A Python encoding name.  Defaults to detecting it.
    """
    if isinstance(source, MemoryRows):
        yield from source.rows(problems, columns, values or columns)
        return
    name = name_of(source)
    lines: Iterable[tuple[int, str]] = text_lines(
        source, problems, encoding=encoding, max_array_bytes=MAX_ARRAY_BYTES
    )
    suffix = suffix_of(Path(source))
    is_table = suffix in TABLE_SUFFIXES
    if not is_table and suffix not in (".jsonl", ".ndjson", ".json"):
        is_table, lines = _looks_like_a_table(lines)
    if is_table:
        yield from parse_table(lines, name, problems, columns=columns)
    else:
        yield from parse_json_lines(lines, name, problems)


def place_of(source: str | Path | MemoryRows, number: int) -> str:
    """Returns what messages call a row of `rows_of`: `file:line`, or `row 3` of rows in memory."""
    return source.where(number) if isinstance(source, MemoryRows) else f"{name_of(source)}:{number}"


def suffix_of(path: Path) -> str:
    """Returns the suffix of the format: `.csv` for `pairs.csv.gz` too."""
    path = path.with_suffix("") if path.suffix.lower() in (".gz", ".zst") else path
    return path.suffix.lower()


def _looks_like_a_table(
    lines: Iterable[tuple[int, str]],
) -> tuple[bool, Iterable[tuple[int, str]]]:
    lines = iter(lines)
    for number, line in lines:
        if line.strip():
            return not line.lstrip().startswith(("{", "[")), chain([(number, line)], lines)
    return False, iter(())


def fingerprint_of(values: Iterable[object]) -> str:
    """Returns a SHA-256 of values in order, by their `repr`, to recognize the same data."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(repr(value).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def split_by_content(
    samples: Sequence[Sample],
    content: Callable[[Sample], str],
    kind: Callable[[Sample], Hashable],
    *,
    seed: int = 0,
    fraction: float = 0.1,
) -> tuple[list[Sample], list[Sample]]:
    """Splits into training and validation samples by their content, not their position.

    Args:
        samples: All samples.
        content: Samples with equal content stay on one side.
        kind: Stratum of a sample; of each set of kinds that share a content, `fraction` goes to
            validation.
        seed: Determines the split.
        fraction: Share of the validation samples.
    """

    def fingerprint(sample: Sample) -> str:
        text = f"{seed}\0{content(sample)}"
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()

    kinds: dict[str, set[Hashable]] = defaultdict(set)
    for sample in samples:
        kinds[fingerprint(sample)].add(kind(sample))
    strata: dict[tuple[Hashable, ...], list[str]] = defaultdict(list)
    for key, kinds_of_key in kinds.items():
        strata[tuple(sorted(kinds_of_key, key=str))].append(key)
    valid: set[str] = set()
    for keys in strata.values():
        minimum = 1 if len(keys) > 1 else 0
        valid.update(sorted(keys)[: max(minimum, round(len(keys) * fraction))])
    sides: tuple[list[Sample], list[Sample]] = ([], [])
    for sample in samples:
        sides[fingerprint(sample) in valid].append(sample)
    return sides
