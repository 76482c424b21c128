"""Reads Parquet files, with one message per problem."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hornbook.errors import DataError, did_you_mean, require
from hornbook.tabular.opening import unreadable

ROWS_AT_ONCE = 256


@contextmanager
def parquet_errors(path: str | Path) -> Iterator[None]:
    """Converts errors of pyarrow while a file is read or its values are converted.

    Raises:
        DataError: the file is missing or damaged, has a type that Arrow cannot convert, or a text
            that is not UTF-8.
        MissingExtraError: pyarrow is not installed.
    """
    arrow = require("pyarrow", extra="tables")
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: a text in it is not UTF-8 ({error.reason}).\n"
            "Parquet requires UTF-8: write the file again with valid texts."
        ) from None
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise unreadable(path, error) from None
    except (arrow.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(f"{path} cannot be read as Parquet: {reason}") from None


def read_parquet(path: str | Path) -> Any:
    """Reads the whole file as an Arrow table.

    Raises:
        DataError: See `parquet_errors`.
    """
    with parquet_errors(path):
        parquet = require("pyarrow.parquet", extra="tables", package="pyarrow")
        table = parquet.read_table(path)
        table.validate(full=True)  # texts are UTF-8, offsets are in range
        return table


def parquet_column(path: str | Path, name: str) -> Iterator[tuple[int, Any]]:
    """Yields the values of one column with their row numbers from 1, with few rows in memory.

    A text that is not UTF-8 is yielded as bytes.

    Raises:
        DataError: there is no such column; or see `parquet_errors`.
    """
    with parquet_errors(path):
        parquet = require("pyarrow.parquet", extra="tables", package="pyarrow")
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if name not in names:
                raise DataError(f"{path} has no column {name!r}.  {did_you_mean(name, names)}")
            row = 0
            for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=[name]):
                for value in batch.column(0):
                    row += 1
                    yield row, _value(value)


def parquet_rows(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the rows with their numbers from 1, with few of them in memory.

    Raises:
        DataError: see `parquet_errors`.
    """
    with parquet_errors(path):
        parquet = require("pyarrow.parquet", extra="tables", package="pyarrow")
        with parquet.ParquetFile(path) as file:
            row = 0
            for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
                for values in batch.to_pylist():
                    row += 1
                    yield row, values


def parquet_schema(path: str | Path) -> Any:
    """Returns the Arrow schema of a file: names, types and metadata of its columns.

    Raises:
        DataError: see `parquet_errors`.
    """
    with parquet_errors(path):
        parquet = require("pyarrow.parquet", extra="tables", package="pyarrow")
        return parquet.read_schema(path)


def class_names(metadata: Mapping[bytes, bytes] | None, column: str) -> list[str]:
    """Returns the names of the classes that a column of numbers has in Hugging Face's metadata.

    Args:
        metadata: That of an Arrow schema.
        column: The column, a `ClassLabel`.

    Returns:
        The names in the order of their numbers; [] if there are none.
    """
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        names = features[column]["names"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return []
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return names if is_list else []


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return scalar.as_buffer().to_pybytes()
