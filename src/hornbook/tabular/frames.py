"""Opens data frames of any library through narwhals."""

from __future__ import annotations

from typing import Any

from hornbook.errors import DataError, require


def open_frame(native: Any) -> tuple[Any, list[str]]:
    """Returns a pandas, Polars, Arrow or DuckDB table as a narwhals frame, and its column names.

    Raises:
        DataError: the table cannot be read.
        MissingExtraError: narwhals is not installed.
    """
    narwhals = require("narwhals", extra="tables")
    kind = type(native)
    if kind.__name__ == "RecordBatch":
        native = require("pyarrow", extra="tables").Table.from_batches([native])
    try:
        frame = narwhals.from_native(native, eager_only=False)
        frame = frame.collect() if hasattr(frame, "collect") else frame
        return frame, [str(name) for name in frame.columns]
    except (TypeError, narwhals.exceptions.NarwhalsError) as error:
        raise DataError(
            f"A {kind.__name__} of {kind.__module__.split('.')[0]} cannot be read as a table: "
            f"{' '.join(str(error).split())}"
        ) from None
