"""Accepted forms of texts and token ids."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.errors import OptionError
from hornbook.pretrained.tasks.inputs import Inputs, one_text, parse_inputs, rows_of_ids


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("one text", Inputs(["one text"], single=True, are_texts=True)),
        ("", Inputs([""], single=True, are_texts=True)),
        (["one text"], Inputs(["one text"], single=False, are_texts=True)),
        (["a", "b"], Inputs(["a", "b"], single=False, are_texts=True)),
        ([], Inputs([], single=False, are_texts=True)),
        ((text for text in "ab"), Inputs(["a", "b"], single=False, are_texts=True)),
        (np.array(["a", "b"]), Inputs(["a", "b"], single=False, are_texts=True)),
        ([5, 6], Inputs([[5, 6]], single=True, are_texts=False)),
        (np.array([5, 6]), Inputs([[5, 6]], single=True, are_texts=False)),
        (range(3), Inputs([[0, 1, 2]], single=True, are_texts=False)),
        ([[5, 6], [7]], Inputs([[5, 6], [7]], single=False, are_texts=False)),
        ([np.array([5, 6]), (7,)], Inputs([[5, 6], [7]], single=False, are_texts=False)),
        (np.array([[5, 6], [7, 8]]), Inputs([[5, 6], [7, 8]], single=False, are_texts=False)),
        ([[]], Inputs([[]], single=False, are_texts=False)),
        (("a", "b"), Inputs(["a", "b"], single=False, are_texts=True)),
    ],
)
def test_texts_and_token_ids_are_told_apart_and_one_from_several(values, expected):
    assert parse_inputs(values) == expected
    assert parse_inputs(parse_inputs(expected)) is expected


@pytest.mark.parametrize(
    ("values", "rows", "alone"),
    [
        (("a", "b"), [("a", "b")], True),
        ([("a", "b")], [("a", "b")], False),
        ([["a", "b"], "c"], [("a", "b"), "c"], False),
        ((("a", "b"), ("c", "d")), [("a", "b"), ("c", "d")], False),
        (["a", "b"], ["a", "b"], False),
        ("ab", ["ab"], True),
    ],
)
def test_a_tuple_of_two_texts_is_a_pair_where_pairs_have_a_meaning(values, rows, alone):
    assert parse_inputs(values, pairs=True) == Inputs(rows, alone, are_texts=True)


def test_a_column_of_a_table_is_a_list_whatever_its_index():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    column = pandas.Series(["a", "b"], index=[7, 9])
    for values in (column, polars.Series(["a", "b"]), column.astype("string")):
        assert parse_inputs(values) == Inputs(["a", "b"], single=False, are_texts=True)
    assert parse_inputs(pandas.Series([5, 6], index=[3, 4])).rows == [[5, 6]]
    for table in (column.to_frame(), polars.DataFrame({"text": ["a"]})):
        with pytest.raises(OptionError, match="texts is a table; give one of its columns"):
            parse_inputs(table)
    with pytest.raises(OptionError, match=r"texts\[1\] is missing"):
        parse_inputs(pandas.Series(["a", None], dtype="string"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "texts is None; expected a text"),
        (b"text", "texts is bytes; decode it first"),
        (5, "texts is 5"),
        (1.5, "texts is 1.5"),
        ({"a": 1}, "texts is a dict"),
        ({"a"}, "texts is a set"),
        (["a", None], r"texts\[1\] is missing"),
        (["a", float("nan")], r"texts\[1\] is missing"),
        (["a", b"b"], r"texts\[1\] is bytes"),
        (["a", [5]], "texts or token ids, not both"),
        (["a", 5], r"texts\[1\] is 5"),
        ([True, False], r"texts\[0\] is True"),
        ([1.0, 2.0], r"texts\[0\] is 1.0"),
        (np.array([[1.0]]), "whole numbers"),
        (np.zeros((1, 1, 1), int), "has 3 dimensions"),
        ([["a", "b"]], r"texts\[0\] is a list of 2 texts; expected a text\."),
        ([{"text": "a"}], r"texts\[0\] is a dict"),
    ],
)
def test_anything_else_is_one_error_that_names_it(values, message):
    with pytest.raises(OptionError, match=message):
        parse_inputs(values)


def test_a_tuple_of_three_texts_is_no_pair():
    with pytest.raises(OptionError, match="a tuple of 3 texts"):
        parse_inputs(("a", "b", "c"), pairs=True)
    with pytest.raises(OptionError, match="list of 3 texts; expected a text or a pair"):
        parse_inputs([("a", "b", "c")], pairs=True)


def test_one_text_is_no_list_of_one():
    assert one_text("a", "template") == "a"
    for value, message in [(["a"], "not a list"), (None, "NoneType"), (b"a", "is bytes")]:
        with pytest.raises(OptionError, match=message):
            one_text(value, "template")


def test_texts_need_a_vocabulary_and_token_ids_do_not():
    assert rows_of_ids([[1, 2]], None) == [[1, 2]]
    assert rows_of_ids([], None) == []
    with pytest.raises(OptionError, match="came without its vocabulary"):
        rows_of_ids("a", None)
