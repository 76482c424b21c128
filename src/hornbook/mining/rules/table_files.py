"""Writes itemsets and rules as CSV, TSV, JSON lines or Parquet, by the suffix of the file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.errors import OptionError, require
from hornbook.files import atomic_file
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.rules.rule_table import Rules

ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
_ROWS = 10_000  # converted to Python objects at a time


def check_ending(path: str | Path) -> None:
    """Raises OptionError for an unknown suffix, before any work is done."""
    if Path(path).suffix.lower() not in ENDINGS:
        raise OptionError(f"{path}: the name must end in one of {', '.join(ENDINGS)}.")


def write_itemsets(itemsets: Itemsets, path: str | Path) -> None:
    """Writes a row per itemset: its items, count and support."""
    check_ending(path)
    columns = {"count": itemsets.counts, "support": itemsets.supports}
    _write(path, itemsets, {"items": np.arange(len(itemsets))}, columns, itemsets.to_arrow)


def write_rules(rules: Rules, path: str | Path, p_values: np.ndarray | None = None) -> None:
    """Writes a row per rule: both sides, the count, and all measures."""
    check_ending(path)
    sides = {"antecedent": rules.antecedent, "consequent": rules.consequent}
    columns = {"count": rules.counts} | rules.measures()
    if p_values is not None:
        columns["p-value"] = p_values

    def arrow() -> Any:
        table = rules.to_arrow()
        if p_values is not None:
            table = table.append_column("p-value", [p_values])
        return table

    _write(path, rules.itemsets, sides, columns, arrow)


def _write(
    path: str | Path,
    itemsets: Itemsets,
    sides: Mapping[str, np.ndarray],
    columns: Mapping[str, np.ndarray],
    arrow: Callable[[], Any],
) -> None:
    """Writes rows of itemsets (`sides`, as indices) and numbers (`columns`).

    Args:
        path: The file.
        itemsets: The itemsets that `sides` refers to.
        sides: Indices of itemsets by the name of their column.
        columns: Numbers by the name of their column.
        arrow: Makes the same table for Parquet.
    """
    ending = Path(path).suffix.lower()
    if ending == ".parquet":
        parquet = require("pyarrow.parquet", extra="tables", package="pyarrow")
        table = arrow()
        with atomic_file(path) as file:
            parquet.write_table(table, file)
        return
    with atomic_file(path, "w") as file:
        if ending == ".jsonl":
            for row in _rows(itemsets, sides, columns):
                # JSON has no infinity, which conviction can be
                row = {k: None if v in (np.inf, -np.inf) else v for k, v in row.items()}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            return
        sign = "\t" if ending == ".tsv" else ","
        writer = csv.writer(file, delimiter=sign, lineterminator="\n")
        writer.writerow([*sides, *columns])
        for row in _rows(itemsets, sides, columns):
            writer.writerow(
                [in_one_cell(value) if isinstance(value, list) else value for value in row.values()]
            )


def in_one_cell(items: Sequence[Any]) -> str:
    """Joins items with semicolons; those with a semicolon or a quote in them are quoted."""
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="").writerow(items)
    return text.getvalue()


def _rows(
    itemsets: Itemsets, sides: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray]
) -> Iterator[dict[str, Any]]:
    number = len(next(iter(sides.values())))
    for start in range(0, number, _ROWS):
        part = slice(start, start + _ROWS)
        values = [column[part].tolist() for column in columns.values()]
        sets = [side[part].tolist() for side in sides.values()]
        for row in zip(*sets, *values, strict=True):
            yield {
                **{
                    name: list(itemsets[index])
                    for name, index in zip(sides, row[: len(sides)], strict=True)
                },
                **dict(zip(columns, row[len(sides) :], strict=True)),
            }
