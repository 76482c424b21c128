from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.errors import DataError, OptionError
from hornbook.mining import Baskets, frequent_itemsets
from hornbook.mining.large import counting
from hornbook.mining.large.counting import count_sets
from hornbook.mining.large.file_parts import fits


@pytest.fixture
def big_file(tmp_path):
    """600 kB of baskets: ten parts of the minimum size, 64 kB."""
    rng = np.random.default_rng(0)
    path = tmp_path / "big.dat"
    sizes = rng.integers(1, 12, 30_000)
    lines = [" ".join(map(str, rng.zipf(1.5, size).clip(max=400))) for size in sizes]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("support", [0.01, 450])
def test_a_file_mined_in_parts_has_the_same_itemsets_as_at_once(big_file, support):
    assert not fits(big_file, 1 << 20)
    assert fits(big_file, 1 << 30)
    at_once = frequent_itemsets(big_file, support)
    in_parts = frequent_itemsets(big_file, support, memory="1MB")
    assert len(at_once) > 50
    assert in_parts.to_dict() == at_once.to_dict()
    assert in_parts.total == at_once.total


def test_names_and_quotes_are_read_the_same_in_parts(tmp_path):
    path = tmp_path / "big.csv"
    lines = ['"salt, fine",bread', "milk,bread", 'milk,"salt, fine",jam'] * 5_000
    path.write_text("\n".join(lines))
    itemsets = frequent_itemsets(path, 0.3, memory=1 << 16)
    assert (
        itemsets.to_dict()
        == frequent_itemsets(
            [["salt, fine", "bread"], ["milk", "bread"], ["milk", "salt, fine", "jam"]] * 5_000, 0.3
        ).to_dict()
    )


def test_an_invalid_support_is_refused_in_parts_too(big_file):
    for support in (0, 1.5, 10**9):
        with pytest.raises(OptionError):
            frequent_itemsets(big_file, support, memory="1MB")


def test_weights_need_the_whole_file(big_file):
    with pytest.raises(OptionError, match="mined in parts"):
        frequent_itemsets(big_file, 0.1, memory="1MB", weights=[1])


def test_a_file_of_blank_lines_is_empty(tmp_path):
    path = tmp_path / "blank.dat"
    path.write_text("\n" * 100_000)
    with pytest.raises(DataError, match="empty"):
        frequent_itemsets(path, 0.1, memory="1MB")


@given(st.lists(st.lists(st.sampled_from("abcd")), min_size=1, max_size=200), st.integers(1, 5))
def test_counting_given_sets_agrees_with_finding_them(lists, minimum):
    if not any(lists) or minimum > len(lists):
        return
    baskets = Baskets.from_lists(lists)
    itemsets = frequent_itemsets(baskets, minimum)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "_BYTES", 8)
        counts = count_sets(itemsets, baskets, np.arange(len(baskets.labels)))
    assert counts.tolist() == itemsets.counts.tolist()


@pytest.fixture
def big_table(tmp_path):
    """A table of 200 kB: an age, a color, and a number that is sometimes missing."""
    rng = np.random.default_rng(1)
    rows = ["age,color,income"]
    for age, color, income in zip(
        rng.integers(18, 90, 12_000),
        rng.choice(["red", "green", "blue"], 12_000),
        rng.normal(3000, 900, 12_000).round(),
        strict=True,
    ):
        rows.append(f"{age},{color},{income if age % 7 else ''}")
    path = tmp_path / "people.csv"
    path.write_text("\n".join(rows))
    return path


def test_ranges_and_changes_are_the_same_for_a_table_in_parts(big_table):
    options = {
        "table": True,
        "bins": 3,
        "missing": "drop",
        "exclude": ["color=green"],
        "categories": {"color=red": "warm", "color=blue": "cold"},
    }
    at_once = frequent_itemsets(big_table, 0.05, **options)
    in_parts = frequent_itemsets(big_table, 0.05, memory="1MB", **options)
    assert any("warm" in items for items, _ in at_once)
    assert any(item.startswith("age=") for items, _ in at_once for item in items)
    assert in_parts.to_dict() == at_once.to_dict()
    assert in_parts.total == at_once.total == 12_000
    with pytest.raises(DataError, match=r"'income' has [\d,]+ missing values \(rows"):
        frequent_itemsets(big_table, 0.05, memory="1MB", table=True)


def test_rows_of_one_basket_may_be_in_different_parts(tmp_path):
    rng = np.random.default_rng(2)
    rows = [
        f"o{i},p{j}" for i, j in zip(*rng.integers(0, [[3000], [20]], (2, 30_000)), strict=True)
    ]
    path = tmp_path / "orders.csv"
    path.write_text("order,product\n" + "\n".join(rows) + "\n,p1\n")
    options = {"basket": "order", "item": "product", "missing": "drop"}
    at_once = frequent_itemsets(path, 0.1, **options)
    in_parts = frequent_itemsets(path, 0.1, memory="1MB", **options)
    assert len(at_once) > 20
    assert in_parts.to_dict() == at_once.to_dict()
    with pytest.raises(DataError, match="Did you mean 'order'"):
        frequent_itemsets(path, 0.1, memory="1MB", basket="ordr", item="product")
    with pytest.raises(DataError, match=r"1 rows have no 'order' or no 'product' \(rows 30001\)"):
        frequent_itemsets(path, 0.1, memory="1MB", basket="order", item="product")


def test_a_change_without_effect_in_any_part_is_refused(big_file):
    for memory in ("1MB", "1GB"):
        with pytest.raises(OptionError, match="No basket has the item '4000'"):
            frequent_itemsets(big_file, 0.1, memory=memory, exclude=["4000"])
        with pytest.raises(DataError, match="None of the 1 items with a category"):
            frequent_itemsets(big_file, 0.1, memory=memory, categories={"4000": "rare"})


def test_numeric_items_can_be_excluded_and_categorized_by_their_text(big_file):
    expected = None
    for memory in ("1MB", "1GB"):
        itemsets = frequent_itemsets(
            big_file, 0.1, memory=memory, exclude=["2"], categories={"1": "one", "3": "odd"}
        )
        assert not any(2 in items for items, _ in itemsets)
        assert not any({1, "one"} <= set(items) for items, _ in itemsets)
        assert itemsets.to_dict()[frozenset(["one"])] == itemsets.to_dict()[frozenset([1])]
        assert itemsets.to_arrow().num_rows == len(itemsets)
        expected = expected or itemsets.to_dict()
        assert itemsets.to_dict() == expected


def test_parts_too_small_for_the_support_are_refused_at_once(tmp_path):
    path = tmp_path / "baskets.dat"
    rng = np.random.default_rng(0)
    rows = (rng.choice(30, 25, replace=False) for _ in range(3_000))
    path.write_text("".join(" ".join(map(str, row)) + "\n" for row in rows))
    with pytest.raises(
        OptionError, match=r"part of .* baskets, with a minimum count of 1,.*\nTry more"
    ):
        frequent_itemsets(path, 0.0003, memory="64KB")
