from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from scipy import sparse

from hornbook.errors import DataError, HornbookError, OptionError
from hornbook.mining import frequent_itemsets

LISTS = [["a", "b"], ["a"], ["b", "a"], []]
EXPECTED = {frozenset("a"): 3, frozenset("b"): 2, frozenset("ab"): 2}


def objects(lists):
    array = np.empty(len(lists), object)
    array[:] = lists
    return array


def grouped():
    rows = [(order, item) for order, items in enumerate(LISTS) for item in items]
    frame = pandas.DataFrame(rows, columns=["order", "item"])
    return frame.groupby("order")["item"]


@pytest.mark.parametrize(
    "baskets",
    [
        pandas.Series(LISTS),
        pandas.Series(LISTS, index=list("wxyz")),
        pandas.Series(list(map(tuple, LISTS))),
        pandas.Series(list(map(set, LISTS))),
        pandas.Series(list(map(frozenset, LISTS))),
        pandas.Series(list(map(np.array, LISTS))),
        pandas.Series(LISTS, dtype=pandas.ArrowDtype(pyarrow.list_(pyarrow.string()))),
        grouped().apply(list),
        grouped().apply(set),
        grouped().unique(),
        pandas.DataFrame({"items": LISTS}),
        polars.Series(LISTS),
        polars.DataFrame({"items": LISTS}),
        polars.DataFrame({"items": LISTS}).lazy(),
        pyarrow.array(LISTS),
        pyarrow.array(LISTS, pyarrow.large_list(pyarrow.string())),
        pyarrow.chunked_array([LISTS[:1], LISTS[1:]]),
        pyarrow.table({"items": LISTS}),
        objects(LISTS),
        np.array([["a", "b"], ["b", "a"], ["a", "a"]]),
        np.array([["a", "b"], ["b", "a"], ["a", "a"]], object),
        (items for items in LISTS),
        [(item for item in items) for items in LISTS],
        [dict.fromkeys(items).keys() for items in LISTS],
        list(map(np.array, LISTS)),
        [pandas.Series(items, dtype=object) for items in LISTS],
    ],
    ids=lambda baskets: f"{type(baskets).__module__}.{type(baskets).__name__}",
)
def test_lists_of_items_may_be_in_any_container(baskets):
    assert frequent_itemsets(baskets, 2).to_dict() == EXPECTED


@pytest.mark.parametrize(
    ("baskets", "words"),
    [
        (pandas.Series(["a,b", "a"]), r"found 'a,b'\.\nSplit texts first.*\n.*basket='order'"),
        (polars.Series(["a,b", "a"]), r"found 'a,b'\.\nSplit texts first"),
        (pyarrow.array(["a,b", "a"]), r"found 'a,b'\.\nSplit texts first"),
        (pandas.Series([1, 2]), "found 1"),
        (pandas.Series([True, False]), "found True"),
        (pandas.Series([["a"], "b"]), "found 'b'"),
        (pandas.Series([["a"], None, np.nan]), r"2 rows without a list \(rows 2, 3\)"),
        (polars.Series([["a"], None]), r"1 rows without a list \(rows 2\)"),
        (pyarrow.array([["a"], None]), r"1 rows without a list \(rows 2\)"),
        (pyarrow.table({"x": [["a"], None]}), r"Column 'x' has 1 rows without a list \(rows 2\)"),
        (pandas.Series([["a", None], ["a"]]), "is not an item"),
        (pandas.DataFrame({"order": [1, 2], "items": [["a"], ["b"]]}), "pass that column alone"),
        (grouped(), r"\.apply\(list\)"),
        (pandas.DataFrame({"a": [1]}).groupby("a"), r"\.apply\(list\)"),
        ({"t1": ["a", "b"], "t2": ["a"]}, r"list\(baskets\.values\(\)\)"),
        ([{"a": True, "b": False}], "Basket 1 is a dict"),
        (["a,b", "a"], "letters"),
        ([b"ab"], "letters"),
        (np.array(["a,b", "a"]), "letters"),
        (np.array([1, 2]), "not a matrix"),
        (np.zeros((2, 2, 2)), "not a matrix"),
        (np.array([[1, 2], [0, 1]]), "only 0 and 1"),
        (np.array([[1, np.nan]]), "NaN"),
        (np.ma.array([[1, 0]], mask=[[False, True]]), "masked"),
        (sparse.csr_matrix(np.array([[1, np.nan]])), "NaN"),
        ([[True, False], [True, True]], r"numpy\.array\(lists\)"),
        ([["a"], None], "Basket 2 is None"),
        ([["a"], float("nan")], "Basket 2 is nan"),
        ([["a"], 7], "Basket 2 is 7"),
        ([1, 2, 3], "Basket 3 is 3, which is not a list"),
        ([[["a"]], [["b"]]], r"\['a'\] cannot be an item"),
        ([["a", {"b": 1}]], "cannot be an item"),
        ([[1, "x"], ["1"]], "1 and '1': they look the same"),
        ([], "no baskets"),
        (None, "not NoneType"),
        (b"a b", "not bytes"),
        (7, "not int"),
    ],
)
def test_what_is_not_lists_is_refused_with_a_remedy(baskets, words):
    with pytest.raises(DataError, match=words):
        frequent_itemsets(baskets, 1)


def test_empty_baskets_count_and_hold_no_itemset():
    itemsets = frequent_itemsets([[], []], 1)
    assert (len(itemsets), itemsets.total) == (0, 2)


def test_rows_without_a_list_can_be_dropped():
    itemsets = frequent_itemsets(pandas.Series([["a"], None, ["a", "b"]]), 1, missing="drop")
    assert itemsets.to_dict() == frequent_itemsets([["a"], ["a", "b"]], 1).to_dict()
    assert itemsets.total == 2


def test_options_for_tables_are_refused_for_lists():
    with pytest.raises(OptionError, match="basket, item: for tables and files only"):
        frequent_itemsets(pandas.Series(LISTS), 1, basket="order", item="product")
    with pytest.raises(OptionError, match="basket: for tables and files only"):
        frequent_itemsets(LISTS, 1, basket="order")


@pytest.mark.parametrize(
    "support", [np.int64(2), np.float32(0.5), Decimal("0.5"), Fraction(1, 2), np.uint8(2)]
)
def test_a_support_may_be_any_number(support):
    assert frequent_itemsets(LISTS, support).to_dict() == EXPECTED


def test_a_share_of_single_precision_is_exact_on_the_boundary():
    assert frequent_itemsets([["a"]] + [["b"]] * 9, np.float32(0.1)).to_dict()[frozenset("a")] == 1


@pytest.mark.parametrize(
    "options",
    [
        {"min_support": "1%"},
        {"min_support": None},
        {"min_support": 1j},
        {"max_length": 2.5},
        {"max_length": "2"},
        {"limit": 0},
        {"memory": 0},
        {"memory": "-1GB"},
        {"memory": None},
        {"exclude": "milk"},
    ],
)
def test_invalid_options_are_user_errors(options):
    with pytest.raises(HornbookError):
        frequent_itemsets(LISTS, **({"min_support": 1} | options))
