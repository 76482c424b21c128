from __future__ import annotations

import pytest

from hornbook.errors import DataError
from hornbook.mining import frequent_itemsets
from hornbook.mining.reading.basket_files import read_baskets
from hornbook.mining.reading.tables import from_columns


def items_of(baskets):
    return [sorted(baskets[i]) for i in range(len(baskets))]


def test_numbers_with_a_decimal_comma_are_cut_into_ranges(tmp_path):
    path = tmp_path / "survey.csv"
    path.write_text("age;income;buys\n23;1,5;yes\n34;2,5;no\n45;3,5;yes\n56;4,5;yes\n67;5,5;no\n")
    baskets = read_baskets(path, table=True, bins=2)
    assert items_of(baskets)[0] == ["age=23..45", "buys=yes", "income=1.5..3.5"]
    assert items_of(baskets)[4] == ["age=45..67", "buys=no", "income=3.5..5.5"]
    assert baskets.notes == ["Column 'income': the comma in 1,5 is read as a decimal comma."]


@pytest.mark.parametrize(
    ("comma", "point"),
    [
        (["1.234,5", "950", "2.000,25"], ["1234.5", "950", "2000.25"]),
        (["1 234,5", "12,5", "-7"], ["1234.5", "12.5", "-7"]),
        (["0,125", "0,250", "1,375"], ["0.125", "0.250", "1.375"]),
        (["1.234.567", "7", "8"], ["1234567", "7", "8"]),
        (["1.234", "1,5", "950"], ["1234", "1.5", "950"]),
    ],
)
def test_decimal_commas_have_the_ranges_of_decimal_points(comma, point):
    with_comma = from_columns({"x": comma, "y": list("abc")}, bins=2)
    with_point = from_columns({"x": point, "y": list("abc")}, bins=2)
    assert items_of(with_comma) == items_of(with_point)


@pytest.mark.parametrize(
    "columns",
    [
        {"x": ["1,234", "950", "2,500"]},
        {"x": ["1,5", "2,5", "3,5"], "y": ["1.234", "950", "2.500"]},
    ],
)
def test_a_possible_thousands_separator_is_refused(columns):
    with pytest.raises(DataError, match=r"has numbers like 1.234: is that 1\.234 or 1234"):
        from_columns(columns, bins=2)
    assert len(from_columns(columns)) == 3


def test_numbers_followed_by_units_are_words_which_is_noted():
    baskets = from_columns({"x": ["12 kg", "7 kg", "12 kg"], "y": [1, 2, 3]}, bins=2)
    assert items_of(baskets)[0] == ["x=12 kg", "y=1..2"]
    assert baskets.notes == ["Column 'x' is not cut into ranges: '12 kg' is not a number."]
    baskets = from_columns({"x": ["red", "green", "red"], "y": [1, 2, 3]}, bins=2)
    assert baskets.notes == []


def test_commas_are_read_the_same_in_parts(tmp_path):
    path = tmp_path / "big.csv"
    rows = [f"{i % 90};{i % 7},5" for i in range(6000)] + ["1;1.200,25"] * 6000
    path.write_text("\n".join(["age;income", *rows]))
    at_once = frequent_itemsets(path, 0.1, table=True, bins=3)
    in_parts = frequent_itemsets(path, 0.1, table=True, bins=3, memory="1MB")
    assert any(
        item.startswith("income=1200.25") or "..1200.25" in item for s, _ in at_once for item in s
    )
    assert in_parts.to_dict() == at_once.to_dict()
    assert in_parts.notes == ["Column 'income': the comma in 0,5 is read as a decimal comma."]
