"""What a caller may give where texts or token ids are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.errors import OptionError
from hornbook.pretrained.tasks.inputs import Given, given, one_text, rows_of_ids


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("one text", Given(["one text"], alone=True, texts=True)),
        ("", Given([""], alone=True, texts=True)),
        (["one text"], Given(["one text"], alone=False, texts=True)),
        (["a", "b"], Given(["a", "b"], alone=False, texts=True)),
        ([], Given([], alone=False, texts=True)),
        ((text for text in "ab"), Given(["a", "b"], alone=False, texts=True)),
        (np.array(["a", "b"]), Given(["a", "b"], alone=False, texts=True)),
        ([5, 6], Given([[5, 6]], alone=True, texts=False)),
        (np.array([5, 6]), Given([[5, 6]], alone=True, texts=False)),
        (range(3), Given([[0, 1, 2]], alone=True, texts=False)),
        ([[5, 6], [7]], Given([[5, 6], [7]], alone=False, texts=False)),
        ([np.array([5, 6]), (7,)], Given([[5, 6], [7]], alone=False, texts=False)),
        (np.array([[5, 6], [7, 8]]), Given([[5, 6], [7, 8]], alone=False, texts=False)),
        ([[]], Given([[]], alone=False, texts=False)),
        (("a", "b"), Given(["a", "b"], alone=False, texts=True)),
    ],
)
def test_texts_and_token_ids_are_told_apart_and_one_from_several(values, expected):
    assert given(values) == expected
    assert given(given(expected)) is expected


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
    assert given(values, pairs=True) == Given(rows, alone, texts=True)


def test_a_column_of_a_table_is_a_list_whatever_its_index():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    column = pandas.Series(["a", "b"], index=[7, 9])
    for values in (column, polars.Series(["a", "b"]), column.astype("string")):
        assert given(values) == Given(["a", "b"], alone=False, texts=True)
    assert given(pandas.Series([5, 6], index=[3, 4])).rows == [[5, 6]]
    for table in (column.to_frame(), polars.DataFrame({"text": ["a"]})):
        with pytest.raises(OptionError, match="texts is a table; give one of its columns"):
            given(table)
    with pytest.raises(OptionError, match=r"texts\[1\] is missing"):
        given(pandas.Series(["a", None], dtype="string"))


@pytest.mark.parametrize(
    ("values", "said"),
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
def test_what_is_neither_is_one_error_that_names_it(values, said):
    with pytest.raises(OptionError, match=said):
        given(values)


def test_a_tuple_of_three_texts_is_no_pair():
    with pytest.raises(OptionError, match="a tuple of 3 texts"):
        given(("a", "b", "c"), pairs=True)
    with pytest.raises(OptionError, match="list of 3 texts; expected a text or a pair"):
        given([("a", "b", "c")], pairs=True)


def test_one_text_is_no_list_of_one():
    assert one_text("a", "template") == "a"
    for value, said in [(["a"], "but a list was given"), (None, "NoneType"), (b"a", "is bytes")]:
        with pytest.raises(OptionError, match=f"template is .*{said}|{said}"):
            one_text(value, "template")


def test_texts_need_a_vocabulary_and_token_ids_do_not():
    assert rows_of_ids([[1, 2]], None) == [[1, 2]]
    assert rows_of_ids([], None) == []
    with pytest.raises(OptionError, match="came without its vocabulary"):
        rows_of_ids("a", None)
