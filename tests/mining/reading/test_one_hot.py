from __future__ import annotations

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from hornbook.errors import DataError
from hornbook.mining import frequent_itemsets
from hornbook.mining.reading import one_hot

MATRICES = st.integers(1, 6).flatmap(
    lambda width: st.lists(
        st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=8
    )
)


def names_of(matrix):
    return [f"item {place}" for place in range(matrix.shape[1])]


def pandas_table(matrix, kind):
    return pandas.DataFrame(matrix, columns=names_of(matrix)).astype(kind)


def mixed(matrix):
    table = pandas_table(matrix, "int64")
    kinds = ["bool", "uint8", "float32", "Int64", "boolean", pandas.SparseDtype(bool, False)]
    return table.astype({name: kinds[i % 6] for i, name in enumerate(table.columns)})


def polars_table(matrix, kind):
    return polars.DataFrame(matrix.astype(kind), schema=names_of(matrix))


def arrow_table(matrix, kind):
    return pyarrow.table(list(matrix.T.astype(kind)), names=names_of(matrix))


TABLES = {
    **{
        f"pandas {kind}": lambda matrix, kind=kind: pandas_table(matrix, kind)
        for kind in ("bool", "int64", "int8", "uint8", "float64", "float16", "Int64", "boolean")
    },
    "pandas object": lambda matrix: pandas_table(matrix, object),
    "pandas Arrow": lambda matrix: pandas_table(matrix, pandas.ArrowDtype(pyarrow.bool_())),
    "pandas mixed": mixed,
    "pandas Sparse[bool]": lambda matrix: pandas_table(matrix, pandas.SparseDtype(bool, False)),
    "pandas Sparse[bool], filled": lambda matrix: pandas_table(
        matrix, pandas.SparseDtype(bool, True)
    ),
    "pandas Sparse[int]": lambda matrix: pandas_table(matrix, pandas.SparseDtype(int, 0)),
    "pandas Sparse[float]": lambda matrix: pandas_table(matrix, pandas.SparseDtype(float, 0.0)),
    "pandas Sparse from SciPy": lambda matrix: pandas.DataFrame.sparse.from_spmatrix(
        sparse.csr_matrix(matrix), columns=names_of(matrix)
    ),
    **{
        f"Polars {kind}": lambda matrix, kind=kind: polars_table(matrix, kind)
        for kind in ("bool", "int64", "uint8", "float32")
    },
    **{
        f"Arrow {kind}": lambda matrix, kind=kind: arrow_table(matrix, kind)
        for kind in ("bool", "int64", "uint8", "float32")
    },
    "Arrow batch": lambda matrix: arrow_table(matrix, bool).to_batches()[0],
}


@pytest.mark.parametrize("kind", TABLES)
@given(MATRICES, st.integers(1, 3), st.sampled_from([1, 10, 1 << 20]))
@settings(max_examples=15, deadline=None)
def test_the_items_of_a_yes_no_table_are_its_column_names(kind, rows, minimum, cells):
    matrix = np.array(rows)
    if minimum > len(matrix):
        return
    baskets = [[f"item {place}" for place in np.flatnonzero(row)] for row in matrix]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_hot, "_CELLS", cells)
        itemsets = frequent_itemsets(TABLES[kind](matrix), minimum)
    assert itemsets.to_dict() == frequent_itemsets(baskets, minimum).to_dict()
    assert itemsets.total == len(matrix)


def with_gaps(kind):
    rows = {"a": [1, 0, 1, 1], "b": [1, None, 0, None], "c": [0, 1, 1, 1]}
    if kind == "polars":
        return polars.DataFrame(rows)
    if kind == "arrow":
        return pyarrow.table(rows)
    frame = pandas.DataFrame(rows)
    kinds = {
        "float": float,
        "Int64": "Int64",
        "boolean": "boolean",
        "object": object,
        "sparse": pandas.SparseDtype(float, 0.0),
        "sparse, filled with NaN": pandas.SparseDtype(float, np.nan),
    }
    return frame.astype(kinds[kind])


@pytest.mark.parametrize(
    "kind",
    [
        *("polars", "arrow", "float", "Int64", "boolean", "object"),
        *("sparse", "sparse, filled with NaN"),
    ],
)
def test_a_missing_value_is_refused_with_column_and_rows_or_dropped(kind):
    with pytest.raises(DataError, match=r"'b' has 2 missing values \(rows 2, 4\)"):
        frequent_itemsets(with_gaps(kind), 1)
    itemsets = frequent_itemsets(with_gaps(kind), 1, missing="drop").to_dict()
    expected = frequent_itemsets([["a", "b"], ["c"], ["a", "c"], ["a", "c"]], 1).to_dict()
    assert itemsets == expected


@pytest.mark.parametrize("last", [[2, 0, 1], [0.5, 0, 1], ["x", "y", "x"]])
def test_one_column_of_other_values_makes_all_columns_categories(last):
    table = pandas.DataFrame({"a": [1, 0, 1], "b": last})
    names = {item for items, _ in frequent_itemsets(table, 1) for item in items}
    assert {"a=0", "a=1"} < names
    assert names == {f"{name}={value}" for name in table for value in table[name]}


def test_columns_with_the_same_name_are_refused():
    table = pandas.DataFrame([[1, 0], [1, 1]], columns=["milk", "milk"])
    with pytest.raises(DataError, match="milk"):
        frequent_itemsets(table, 1)
    table.columns = [1, "1"]
    with pytest.raises(DataError, match="more than one column named '1'"):
        frequent_itemsets(table, 1)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_wide_table_is_never_converted_to_python_values(library, monkeypatch):
    def refuse(*_):
        raise AssertionError("a column became a list")

    matrix = np.random.default_rng(0).random((50, 2000)) < 0.02
    frame = pandas.DataFrame(matrix, columns=[f"p{i}" for i in range(2000)])
    table = {
        "pandas": lambda: frame,
        "polars": lambda: polars.DataFrame(matrix, schema=list(frame.columns)),
        "pyarrow": lambda: pyarrow.Table.from_pandas(frame),
    }[library]()
    monkeypatch.setattr("hornbook.mining.reading.tables.from_columns", refuse)
    assert frequent_itemsets(table, 3).counts.max() == matrix.sum(axis=0).max()
