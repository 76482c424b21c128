"""Tables of every library are opened as one kind of frame."""

import pytest

from hornbook.errors import DataError
from hornbook.tabular.frames import open_frame


def test_tables_of_every_library_have_the_same_columns_and_rows():
    pyarrow = pytest.importorskip("pyarrow")
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    columns = {"item": ["tea", "jam"], "count": [1, 2]}
    arrow = pyarrow.table(columns)
    for table in (
        pandas.DataFrame(columns),
        polars.DataFrame(columns),
        polars.LazyFrame(columns),
        arrow,
        arrow.to_batches()[0],
    ):
        frame, names = open_frame(table)
        assert names == ["item", "count"]
        assert list(frame.iter_rows()) == [("tea", 1), ("jam", 2)]


def test_other_objects_are_refused_with_their_type():
    pytest.importorskip("narwhals")
    with pytest.raises(DataError, match="A dict of builtins cannot be read as a table"):
        open_frame({"item": ["tea"]})
