"""Rows that are in memory: lists of dictionaries or tuples, pandas, Polars and Arrow tables, and
Hugging Face datasets.

They go through the same checks as the rows of files; messages name a row by its number, from 1.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from hornbook.data.readers.problems import Problems
from hornbook.data.readers.split_names import TRAIN, splits_in
from hornbook.errors import DataError, OptionError, did_you_mean
from hornbook.tabular.frames import open_frame
from hornbook.tabular.parquet import class_names

IN_MEMORY = "The data"  # what messages say in place of a path


class MemoryRows:
    """Rows of one split.

    Args:
        data: A list of dictionaries or tuples, a table, or a dataset.
        title: Before the number of a row in messages: the name of the split, or "".

    Raises:
        OptionError: it is none of these.
    """

    def __init__(self, data: Any, title: str = ""):
        if isinstance(data, Mapping) or not is_rows(data):
            raise OptionError(
                f"{title or 'The data'} is a {type(data).__name__}; expected a list of "
                "dictionaries, a table (pandas, Polars, Arrow), or a Hugging Face dataset."
            )
        if isinstance(data, Iterator):
            data = list(data)
        self.data, self.title = data, title

    def __str__(self) -> str:
        return f"the {self.title} rows" if self.title else "the rows"

    def where(self, number: int) -> str:
        """Returns what messages call a row: `row 3`, `valid row 3`."""
        return f"{self.title} row {number}".lstrip()

    def class_names(self, column: str) -> list[str]:
        """Returns the names of the classes that a column of numbers has: Hugging Face's
        `ClassLabel`, in a dataset or in the metadata of an Arrow table; [] if there are none."""
        if _is_dataset(self.data):
            return list(getattr((self.data.features or {}).get(column), "names", None) or [])
        return class_names(getattr(getattr(self.data, "schema", None), "metadata", None), column)

    def rows(
        self, problems: Problems, columns: Sequence[str], values: Sequence[str]
    ) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yields the rows with their numbers, from 1.

        Args:
            problems: Gets what is neither a dictionary nor a tuple of the right length.
            columns: Those that a table must have.
            values: Names of the values of a tuple.

        Raises:
            DataError: a table lacks a column.
        """
        if _is_table(self.data):
            yield from enumerate(
                _table_rows(
                    self.data,
                    columns,
                    f"The table of {self.title} rows" if self.title else "The table",
                ),
                1,
            )
            return
        for number, row in enumerate(each_sample(self.data), 1):
            if isinstance(row, Mapping):
                yield number, plain_row(row)
            elif isinstance(row, tuple | list) and len(row) == len(values):
                yield number, plain_row(dict(zip(values, row, strict=True)))
            else:
                expected = f"a dictionary, or a tuple ({', '.join(values)})"
                problems.add(self.where(number), f"{row!r:.60} is not {expected}")


@dataclass(frozen=True)
class MemorySplits:
    """The rows of each split; the counterpart of `SplitFiles`.

    Attributes:
        of_split: `{"train": [rows], "valid": [rows]}`.
        unused: Keys that name no split.
    """

    of_split: dict[str, list[MemoryRows]]
    unused: list[str] = field(default_factory=list)
    folder: Path = Path()

    def files(self, split: str) -> list[MemoryRows]:
        """Returns the rows of a split; [] if there are none."""
        return self.of_split.get(split, [])

    @property
    def names(self) -> list[str]:
        """Names of all rows, the unused ones included."""
        return [rows.title for parts in self.of_split.values() for rows in parts] + self.unused


def is_in_memory(data: Any) -> bool:
    """Whether data is rows in memory, not the name of a file or folder."""
    return not isinstance(data, str | PathLike)


def is_rows(data: Any) -> bool:
    """Whether data may be rows, or a dictionary of them, by its type."""
    if isinstance(data, str | bytes | PathLike):
        return False
    return _is_table(data) or _is_dataset(data) or isinstance(data, Iterable)


def memory_splits(data: Any) -> MemorySplits:
    """Finds the splits of rows in memory.

    Args:
        data: Training rows, see `MemoryRows`; or a dictionary of a set of rows per split, such as
            `{"train": rows, "valid": rows}` or a `DatasetDict`.

    Raises:
        OptionError: the data is neither.
    """
    if not isinstance(data, Mapping):
        return MemorySplits({TRAIN: [MemoryRows(data)]})
    names = splits_in(map(str, data))
    if not names:
        raise OptionError(
            "A dictionary of data has a set of rows per split, such as "
            f"{{'train': rows, 'valid': rows}}; got the keys {', '.join(map(repr, data))}."
        )
    for split, keys in names.items():
        if len(keys) > 1:
            raise OptionError(f"There is more than one {split} split: {', '.join(keys)}.")
    split_of = {keys[0]: split for split, keys in names.items()}
    return MemorySplits(
        {split: [MemoryRows(data[key], key)] for key, split in split_of.items()},
        [str(key) for key in data if key not in split_of],
    )


def each_sample(samples: Any) -> Iterator[Any]:
    """Yields the samples passed to `predict` one by one: the rows of a table as dictionaries."""
    if _is_table(samples):
        yield from _table_rows(samples, (), "The table")
    elif _is_dataset(samples):
        yield from _undecoded(samples.with_format(None))
    else:
        yield from samples


def _undecoded(dataset: Any) -> Any:
    """Returns a dataset whose images are files or bytes: decoding would stop at a damaged one."""
    for name, feature in (dataset.features or {}).items():
        if getattr(feature, "decode", None) is True:
            feature = copy.copy(feature)
            feature.decode = False
            dataset = dataset.cast_column(name, feature)
    return dataset


def _is_table(data: Any) -> bool:
    """Whether data has named columns, without importing or running what reads them."""
    return hasattr(type(data), "columns") and not isinstance(data, Mapping | list | tuple)


def _is_dataset(data: Any) -> bool:
    """Whether data is a Hugging Face `Dataset` or `IterableDataset`, which yield dictionaries."""
    return hasattr(data, "with_format") and hasattr(data, "features")


def _table_rows(table: Any, columns: Sequence[str], what: str) -> Iterator[dict[str, Any]]:
    """Yields the rows of a pandas, Polars, Arrow or DuckDB table."""
    frame, names = open_frame(table)
    if missing := [column for column in columns if column not in names]:
        lines = [f"  {column!r}.  {did_you_mean(column, names)}" for column in missing]
        raise DataError("\n".join([f"{what} lacks", *lines]))
    for row in frame.iter_rows(named=True):
        yield plain_row(row)


def plain_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Returns a row with Python's own values: no scalars of NumPy, no tuples, no `pandas.NA`.

    The pixels of an image stay an array.
    """
    return {str(name): _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        is_image = str(value.dtype) == "uint8" and value.ndim > 1
        return value if is_image else value.tolist()  # an array or a scalar
    return list(value) if isinstance(value, tuple) else value
