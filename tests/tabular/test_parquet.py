"""Parquet files, and one message per problem."""

from __future__ import annotations

import pytest

from hornbook.errors import DataError
from hornbook.tabular.parquet import parquet_column, read_parquet

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def write(path, values):
    parquet.write_table(arrow.table({"text": values}), path)
    return path


def not_utf8():
    offsets = arrow.py_buffer(bytes([0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]))
    return arrow.StringArray.from_buffers(2, offsets, arrow.py_buffer(b"ok\xff"))


def test_values_have_the_numbers_of_their_rows(tmp_path):
    path = write(tmp_path / "a.parquet", ["a", None, "b"] * 200)
    rows = list(parquet_column(path, "text"))
    assert rows == [(number, "ab"[i // 2] if i != 1 else None) for number, i in
                    enumerate([0, 1, 2] * 200, 1)]  # fmt: skip


def test_a_text_that_is_not_utf8_is_yielded_as_bytes_or_refused(tmp_path):
    path = write(tmp_path / "a.parquet", not_utf8())
    assert list(parquet_column(path, "text")) == [(1, "ok"), (2, b"\xff")]
    with pytest.raises(DataError, match=r"a.parquet"):
        read_parquet(path)


def test_a_missing_column_and_a_missing_or_damaged_file_are_named(tmp_path):
    path = write(tmp_path / "a.parquet", ["a"])
    with pytest.raises(DataError, match=r"no column 'txt'.  Did you mean 'text'"):
        list(parquet_column(path, "txt"))
    with pytest.raises(DataError, match="There is no file"):
        read_parquet(tmp_path / "b.parquet")
    content = path.read_bytes()
    path.write_bytes(content[:-3] + b"xyz")
    for read in (read_parquet, lambda file: list(parquet_column(file, "text"))):
        with pytest.raises(DataError, match="cannot be read as Parquet"):
            read(path)
