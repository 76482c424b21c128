"""Time is about linear in the number of columns, items and baskets."""

from __future__ import annotations

import time

import numpy as np
import pandas
import pytest

from hornbook.errors import OptionError
from hornbook.mining import frequent_itemsets

MANY = 40_000  # quadratic time would take minutes


@pytest.fixture(autouse=True)
def in_seconds():
    start = time.process_time()
    yield
    assert time.process_time() - start < 10


def test_a_file_with_very_many_columns_is_read(tmp_path):
    path = tmp_path / "wide.csv"
    cells = ["1" if column % 97 == 0 else "0" for column in range(MANY)]
    path.write_text("\n".join([",".join(f"c{i}" for i in range(MANY)), *[",".join(cells)] * 3]))
    itemsets = frequent_itemsets(path, 3, table=True, max_length=1)
    assert len(itemsets) == len(range(0, MANY, 97))
    assert itemsets[0] == ("c0",)


@pytest.mark.parametrize("kind", [bool, "int8", object])
def test_a_data_frame_with_very_many_columns_is_read(kind):
    row = np.arange(MANY) % 97 == 0
    frame = pandas.DataFrame([row, row, ~row]).astype(kind)
    assert len(frequent_itemsets(frame, 2, max_length=1)) == len(range(0, MANY, 97))


def test_very_many_items_that_occur_once_are_not_frequent():
    assert len(frequent_itemsets([[f"i{number}"] for number in range(MANY)], 2)) == 0
    assert len(frequent_itemsets([[f"i{number}" for number in range(MANY)], ["i1"]], 2)) == 1


def test_a_table_of_pairs_that_does_not_fit_into_memory_is_never_allocated():
    baskets = [[f"i{number}" for number in range(MANY)]]
    for kind in ("all", "closed"):
        with pytest.raises(OptionError, match="itemsets"):
            frequent_itemsets(baskets, 1, kind=kind, memory="64MB")
