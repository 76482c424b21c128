from __future__ import annotations

import numpy as np
import pytest

from hornbook.checkpoints.vocabulary_rows import VocabularyRows

TABLE = np.arange(12, dtype="float32").reshape(4, 3)


def test_kept_rows_are_in_the_given_order():
    rows = VocabularyRows(keep=[3, 0, 0])
    np.testing.assert_array_equal(rows(TABLE), TABLE[[3, 0, 0]])
    assert rows.shape((4, 3)) == (3, 3)


def test_compound_rows_are_averages_of_old_ones():
    rows = VocabularyRows(keep=[1], compound=[[0, 2], ([1, 3], [3.0, 1.0])])
    expected = [[3, 4, 5], [3, 4, 5], [4.5, 5.5, 6.5]]
    np.testing.assert_array_equal(rows(TABLE), expected)
    assert rows.shape((4, 3)) == (3, 3)
    assert rows(TABLE).dtype == TABLE.dtype


def test_without_kept_rows_all_stay():
    rows = VocabularyRows(compound=[[0, 1]])
    np.testing.assert_array_equal(rows(TABLE), [*TABLE, [1.5, 2.5, 3.5]])
    assert rows.shape((4,)) == (5,)


def test_tokens_may_be_on_another_axis():
    rows = VocabularyRows(keep=[2], compound=[[0, 1]], axis=-1)
    np.testing.assert_array_equal(
        rows(TABLE.T), VocabularyRows(keep=[2], compound=[[0, 1]])(TABLE).T
    )
    assert rows.shape((3, 4)) == (3, 2)


def test_biases_have_rows_too():
    np.testing.assert_array_equal(VocabularyRows([1, 0])(np.float32([5, 6])), [6, 5])


def test_rows_beyond_a_size_are_dropped():
    rows = VocabularyRows(size=3)
    np.testing.assert_array_equal(rows(TABLE), TABLE[:3])
    assert rows.shape((4, 3)) == (3, 3)


def test_added_rows_are_near_the_mean_of_the_old_ones_and_differ():
    random = np.random.default_rng(1)
    table = random.normal(3, 2, (500, 6)).astype("float32")
    rows = VocabularyRows([7, 8], size=1002)
    grown = rows(table)
    assert grown.shape == rows.shape((500, 6)) == (1002, 6)
    assert grown.dtype == table.dtype
    np.testing.assert_array_equal(grown[:2], table[[7, 8]])
    np.testing.assert_allclose(grown[2:].mean(0), table.mean(0), atol=0.05)
    np.testing.assert_allclose(grown[2:].std(0), 0.1 * table.std(0), rtol=0.15)
    np.testing.assert_array_equal(grown, rows(table))


def test_columns_grow_as_rows_do():
    np.testing.assert_array_equal(
        VocabularyRows(size=6, axis=-1)(TABLE.T), VocabularyRows(size=6)(TABLE).T
    )


@pytest.mark.parametrize(
    "rows", [VocabularyRows([4]), VocabularyRows([-1]), VocabularyRows([0], compound=[[1, 9]])]
)
def test_ids_that_are_not_in_the_table_are_named(rows):
    with pytest.raises(ValueError, match=r"no row (4|-1|9) among 4"):
        rows.shape((4, 3))


@pytest.mark.parametrize("compound", [[[]], [([1, 2], [1.0])], [([1, 2], [1.0, -1.0])]])
def test_compound_rows_without_ids_are_a_programmers_mistake(compound):
    with pytest.raises(ValueError, match="neither a list of ids"):
        VocabularyRows(compound=compound)
