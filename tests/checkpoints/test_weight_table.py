from __future__ import annotations

import numpy as np
import pytest

from hornbook.checkpoints.weight_table import (
    Foreign,
    Row,
    names_of_absent_rows,
    one_row,
    rows_for,
    transposed,
)


def test_a_row_repeats_for_every_block_in_order():
    paths = [f"blocks.{number}.norm.gamma" for number in (10, 2, 0)]
    rows = rows_for({"blocks.{i}.norm.gamma": "h.{i}.ln.weight"}, paths)
    assert rows == [
        Row((f"blocks.{n}.norm.gamma",), (Foreign(f"h.{n}.ln.weight"),)) for n in (0, 2, 10)
    ]


@pytest.mark.parametrize(
    ("form", "name"), [("{i}", "7"), ("{i:02d}", "07"), ("{i:03d}", "007"), ("x/{i}/{i}", "x/7/7")]
)
def test_numbers_are_formatted_as_in_the_name(form, name):
    [row] = rows_for({"blocks.{i}.gamma": form}, ["blocks.7.gamma"])
    assert row.foreign == (Foreign(name),)


def test_nested_numbers_are_distinguished():
    table = {"stacks.{s}.blocks.{i}.w": "{s}/{i:03d}/w", "stacks.{s}.w": "{s}/w"}
    paths = ["stacks.1.blocks.2.w", "stacks.2.blocks.1.w", "stacks.3.w"]
    names = [row.foreign[0].name for row in rows_for(table, paths)]
    assert names == ["1/002/w", "2/001/w", "3/w"]


def test_parts_in_braces_are_stored_side_by_side():
    table = {"blocks.{i}.attention.{query,key,value}.kernel": "h.{i}.c_attn.weight"}
    paths = [f"blocks.0.attention.{part}.kernel" for part in ("value", "key", "query")]
    [row] = rows_for(table, paths)
    assert [path.split(".")[3] for path in row.ours] == ["query", "key", "value"]
    assert row.shape({path: np.zeros((4, n)) for n, path in enumerate(row.ours, 1)}) == (4, 6)


def test_several_names_and_transposition_can_be_combined():
    [row] = rows_for({"a": ("x", transposed("y"))}, ["a"])
    assert row.foreign == (Foreign("x"), Foreign("y", transposed=True))
    assert row.foreign[1].exchanged_shape((2, 3)) == (3, 2)
    assert row.foreign[1].exchange(np.zeros((2, 3))).shape == (3, 2)


def test_a_vector_may_be_the_only_row_of_a_matrix():
    [row] = rows_for({"a": one_row("x")}, ["a"])
    [foreign] = row.foreign
    vector, matrix = np.arange(3), np.arange(3)[None]
    np.testing.assert_array_equal(foreign.exchange(vector), matrix)
    np.testing.assert_array_equal(foreign.exchange(matrix), vector)
    assert foreign.exchanged_shape((3,)) == (1, 3)
    assert foreign.exchanged_shape((1, 3)) == (3,)


def test_rows_of_absent_parts_are_left_out_and_their_names_known():
    table = {
        "pooler.kernel": ("bert/pooler/kernel", "old_pooler.kernel"),
        "blocks.{i}.cross.kernel": "layer_{i:02d}/cross",
        "blocks.{i}.self.kernel": "layer_{i}/self",
    }
    paths = ["blocks.0.self.kernel"]
    assert len(rows_for(table, paths)) == 1
    known = names_of_absent_rows(table, paths)
    for name in ("bert/pooler/kernel", "old_pooler.kernel", "layer_07/cross", "layer_12/cross"):
        assert known.fullmatch(name)
    for name in ("old_poolerXkernel", "layer_x/cross", "layer_3/self", "bert/pooler/kernel2", ""):
        assert not known.fullmatch(name)
    assert not names_of_absent_rows({"a": "b"}, ["a"]).fullmatch("")
    others = names_of_absent_rows(table, paths, blocks=[0, 3])
    for name in ("layer_1/self", "layer_30/self", "layer_13/self", "layer_10/self"):
        assert others.fullmatch(name)
    for name in ("layer_0/self", "layer_3/self", "layer_03/self", "layer_1/self/adam_m"):
        assert not others.fullmatch(name)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"a.0": "x{i}"}, "its row's left side does not"),
        ({"a.{i}": "x{}"}, "neither"),
        ({"a.{i}": "x", "a.{j}": "y"}, "as another row does"),
        ({"a.{0,1}": "x"}, "there is no 'a.1'"),
    ],
)
def test_inconsistent_tables_are_a_programmers_mistake(table, reason):
    with pytest.raises(ValueError, match=reason):
        rows_for(table, ["a.0"])


def test_shapes_that_cannot_be_concatenated_are_a_programmers_mistake():
    row = Row(("a", "b"), (Foreign("x"),))
    with pytest.raises(ValueError, match="cannot be concatenated"):
        row.shape({"a": np.zeros((2, 3)), "b": np.zeros((3, 3))})
