from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.errors import DataError, OptionError
from hornbook.mining import frequent_itemsets
from hornbook.mining.search import bit_columns, bitsets, closed, tail_pairs
from hornbook.mining.sources import in_memory
from hornbook.mining.sources.question import bytes_of
from hornbook.mining.support import minimum_count

BASKETS = st.lists(st.lists(st.sampled_from("abcdef")), min_size=1, max_size=20)
SHOP = [["beer", "chips"], ["beer", "wine"], ["milk"]]


def test_seven_of_a_hundred_baskets_are_frequent_at_seven_percent():
    # 0.07 * 100 is 7.000000000000001 in floating point
    baskets = [["a", "b"]] * 7 + [["c"]] * 93
    itemsets = frequent_itemsets(baskets, 0.07).to_dict()
    assert itemsets[frozenset("ab")] == 7
    assert frozenset("ab") not in frequent_itemsets(baskets, 0.0700001).to_dict()


@given(st.integers(1, 5000), st.data())
def test_a_decimal_share_is_exact_on_the_boundary(total, data):
    thousandths = data.draw(st.integers(1, 1000))
    count = minimum_count(thousandths / 1000, total, 5)
    assert count == max(1, -(-thousandths * total // 1000))


@pytest.mark.parametrize(
    ("support", "words"),
    [
        (0, ["2^4 - 1 = 15", "4 items"]),
        (0.0, ["2^4 - 1"]),
        (-1, ["would count as frequent"]),
        (1.5, ["cannot exceed 1", "whole number: 2"]),
        (4, ["only 3"]),
        (float("nan"), ["must be a number"]),
    ],
)
def test_an_invalid_support_is_refused(support, words):
    with pytest.raises(OptionError) as error:
        frequent_itemsets(SHOP, support)
    assert all(word in str(error.value) for word in words)


def test_one_is_a_count_and_one_point_zero_a_share():
    assert len(frequent_itemsets(SHOP, 1)) == 6
    assert len(frequent_itemsets(SHOP, 1.0)) == 0


@given(BASKETS, st.integers(1, 4))
def test_a_closed_set_is_in_more_baskets_than_any_larger_one(baskets, minimum):
    if not any(baskets) or minimum > len(baskets):
        return
    all_sets = frequent_itemsets(baskets, minimum).to_dict()
    closed = frequent_itemsets(baskets, minimum, kind="closed").to_dict()
    maximal = frequent_itemsets(baskets, minimum, kind="maximal").to_dict()
    assert closed == {
        s: n for s, n in all_sets.items() if not any(s < t and n == all_sets[t] for t in all_sets)
    }
    assert maximal == {s: n for s, n in all_sets.items() if not any(s < t for t in all_sets)}


@pytest.mark.parametrize("kind", ["closed", "maximal"])
@pytest.mark.parametrize("layout", ["rows", "columns"])
@pytest.mark.parametrize("spread", [1, 13])  # the items' bits in one word, or in two
@given(
    st.one_of(BASKETS, st.lists(st.sets(st.integers(0, 9), min_size=6), min_size=1, max_size=12)),
    st.integers(1, 4),
    st.sampled_from([1, 20, 1 << 17]),
    st.data(),
)
@settings(max_examples=40)
def test_condensed_sets_found_directly_equal_those_filtered_from_all_sets(
    kind, layout, spread, baskets, minimum, batch, data
):
    size = len(baskets)
    weights = data.draw(
        st.none() | st.lists(st.integers(0, 3), min_size=size, max_size=size).filter(sum)
    )
    if not any(baskets) or minimum > (size if weights is None else sum(weights)):
        return
    baskets = [[item * spread for item in basket] for basket in baskets]
    # rare items, which make the ranks of the others large
    rare = [[1000 + item] for item in range(70 * (spread > 1)) for _ in range(minimum)]
    weights = None if weights is None else weights + [1] * len(rare)
    baskets = baskets + rare
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bit_columns, "is_cheaper", lambda *_: False)
        filtered = frequent_itemsets(baskets, minimum, kind=kind, weights=weights)
        patch.setattr(bit_columns, "is_cheaper", lambda *_: layout == "columns")
        patch.setattr(in_memory, "MAX_FILTERED", 0)
        patch.setattr(closed, "_ENTRIES", batch)
        patch.setattr(tail_pairs, "BATCH", batch)
        patch.setattr(bitsets, "_BYTES", 100 * batch)
        direct = frequent_itemsets(baskets, minimum, kind=kind, weights=weights)
    assert list(direct) == list(filtered)
    assert direct.kind == filtered.kind == kind


def test_closed_sets_are_found_where_all_sets_are_too_many():
    baskets = [list(range(40)), list(range(35))] * 3 + [[1, 2], [2, 3, 39]]
    itemsets = frequent_itemsets(baskets, 3, kind="closed").to_dict()
    assert itemsets == {
        frozenset(range(40)): 3,
        frozenset(range(35)): 6,
        frozenset([39, 2, 3]): 4,
        frozenset([1, 2]): 7,
        frozenset([2, 3]): 7,
        frozenset([2]): 8,
    }
    assert frequent_itemsets(baskets, 3, kind="maximal").to_dict() == {frozenset(range(40)): 3}
    with pytest.raises(OptionError, match="more than 5 closed"):
        frequent_itemsets(baskets, 3, kind="closed", limit=5)


def test_the_error_says_that_closed_sets_cannot_be_searched_for_directly(monkeypatch):
    monkeypatch.setattr(in_memory.engine, "mine_condensed", lambda *_: None)
    with pytest.raises(OptionError, match=r"closed ones alone.*memory allowed\.\nTry .*memory\.$"):
        frequent_itemsets([list(range(30))] * 2, 1, kind="closed")


@given(BASKETS, st.data())
def test_a_weight_is_equivalent_to_repeating_the_basket(baskets, data):
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(baskets), max_size=len(baskets)))
    if not sum(weights):
        return
    repeated = [basket for basket, n in zip(baskets, weights, strict=True) for _ in range(n)]
    itemsets = frequent_itemsets(baskets, 1, weights=weights)
    assert itemsets.to_dict() == frequent_itemsets(repeated, 1).to_dict()
    assert itemsets.total == len(repeated)


@pytest.mark.parametrize("weights", [[1, 2], [1, 2, -1], [0.5, 1, 1], ["a", "b", "c"]])
def test_invalid_weights_are_refused(weights):
    with pytest.raises(DataError):
        frequent_itemsets(SHOP, 1, weights=weights)


def test_the_support_of_a_category_counts_baskets_with_any_of_its_items():
    categories = {"beer": "alcohol", "wine": "alcohol", "alcohol": "drink", "milk": "drink"}
    itemsets = frequent_itemsets(SHOP, 1, categories=categories).to_dict()
    assert itemsets[frozenset(["alcohol"])] == 2
    assert itemsets[frozenset(["drink"])] == 3
    assert itemsets[frozenset(["drink", "chips"])] == 1
    assert frozenset(["beer", "alcohol"]) not in itemsets
    assert frozenset(["beer", "drink"]) not in itemsets


def test_cyclic_categories_are_refused():
    with pytest.raises(DataError, match="cycle"):
        frequent_itemsets(SHOP, 1, categories={"beer": "wine", "wine": "beer"})


def test_too_many_itemsets_are_refused_before_the_search():
    with pytest.raises(OptionError, match=r"itemsets or more(.|\n)*maximum length"):
        frequent_itemsets([range(40)] * 50, 2)


def test_a_search_with_too_many_itemsets_stops_and_suggests_a_support_that_works():
    rng = np.random.default_rng(0)
    baskets = [rng.choice(14, 8, replace=False).tolist() for _ in range(60)]
    with pytest.raises(OptionError, match="more than 500 itemsets") as error:
        frequent_itemsets(baskets, 2, limit=500)
    works = int(str(error.value).split("(")[-1].split()[0])
    assert 0 < len(frequent_itemsets(baskets, works, limit=500)) <= 500


@pytest.mark.parametrize("options", [{"kind": "open"}, {"method": "magic"}, {"max_length": 0}])
def test_unknown_options_are_refused(options):
    with pytest.raises(OptionError):
        frequent_itemsets(SHOP, 1, **options)


def test_no_baskets_and_strings_as_baskets_are_refused():
    with pytest.raises(DataError, match="no baskets"):
        frequent_itemsets([], 1)
    with pytest.raises(DataError, match="letters"):
        frequent_itemsets(["milk", "bread"], 1)


@pytest.mark.parametrize("item", [None, float("nan")])
def test_missing_items_are_refused(item):
    with pytest.raises(DataError, match="is not an item"):
        frequent_itemsets([["a", item], ["a"]], 1)


def test_items_may_be_any_hashable_values_and_repeat():
    baskets = [["a", 1, ("x", 2), "a"], (1, "a"), {("x", 2)}, []]
    itemsets = frequent_itemsets(baskets, 2)
    assert itemsets.to_dict() == {
        frozenset(["a"]): 2,
        frozenset([1]): 2,
        frozenset([("x", 2)]): 2,
        frozenset([1, "a"]): 2,
    }
    assert itemsets.total == 4


def test_the_result_converts_to_other_tables():
    itemsets = frequent_itemsets(SHOP, 1)
    frame = itemsets.to_pandas()
    assert list(frame.columns) == ["support", "itemsets"]
    pairs = dict(zip(frame["itemsets"], frame["support"], strict=True))
    assert pairs == {s: n / 3 for s, n in itemsets.to_dict().items()}
    rows = itemsets.to_arrow().to_pylist()
    assert {frozenset(row["items"]): row["count"] for row in rows} == itemsets.to_dict()


def test_amounts_of_memory_are_parsed():
    assert bytes_of("2GB") == 2 << 30
    assert bytes_of("1.5 mb") == 3 << 19
    assert bytes_of(100) == 100
    with pytest.raises(OptionError, match="500MB"):
        bytes_of("a lot")


@pytest.mark.parametrize(("items", "number"), [(60, "2^60 - 1 = 1,1"), (61, "2^61 - 1 sets")])
def test_a_number_of_sets_is_written_out_as_long_as_it_can_be_read(items, number):
    with pytest.raises(OptionError, match=re.escape(f"one of the {number}")):
        minimum_count(0, 10, items)
