"""The engine against brute force, along every path through it, and on real baskets."""

from __future__ import annotations

import gzip
import os
from itertools import chain, combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.mining import Baskets, frequent_itemsets
from hornbook.mining.search import (
    bit_columns,
    matrices,
    projection,
    superset_sums,
    tail_pairs,
    triples,
)
from hornbook.mining.search.engine import mine
from hornbook.mining.sources import in_memory

BASKETS = st.lists(st.lists(st.integers(0, 8), max_size=9), min_size=1, max_size=20)
DENSE_BASKETS = st.lists(st.sets(st.integers(0, 7), min_size=4), min_size=1, max_size=20)


def by_brute_force(baskets, minimum, longest=99, weights=None):
    """Counts every possible set."""
    weights = weights or [1] * len(baskets)
    sets = [frozenset(basket) for basket in baskets]
    items = sorted(set(chain.from_iterable(sets)))
    counts = {}
    for length in range(1, min(longest, len(items)) + 1):
        for candidate in map(frozenset, combinations(items, length)):
            count = sum(w for basket, w in zip(sets, weights, strict=True) if candidate <= basket)
            if count >= minimum:
                counts[candidate] = count
    return counts


def by_engine(baskets, minimum, longest=99, weights=None, entries=1 << 20):
    encoded = Baskets.from_lists([list(basket) for basket in baskets])
    weights = None if weights is None else np.array(weights)
    offsets, items, counts = mine(
        encoded.codes, encoded.lengths, weights, minimum, longest, entries=entries
    )
    sets = {}
    for i, count in enumerate(counts.tolist()):
        items_of_set = items[offsets[i] : offsets[i + 1]].tolist()
        sets[frozenset(encoded.labels[code] for code in items_of_set)] = count
    assert len(sets) == len(counts)  # none twice
    return sets


@given(st.one_of(BASKETS, DENSE_BASKETS), st.integers(1, 6), st.sampled_from([1, 2, 3, 99]))
@settings(max_examples=150)
def test_itemsets_and_supports_equal_brute_force(baskets, minimum, longest):
    assert by_engine(baskets, minimum, longest) == by_brute_force(baskets, minimum, longest)


@pytest.mark.parametrize("layout", ["columns", "rows", "matrices", "matrices and triples"])
@pytest.mark.parametrize(("always", "per_row"), [(1, 0), (3, 16)])
@pytest.mark.parametrize("batch", [1, 9])
@given(
    st.one_of(BASKETS, DENSE_BASKETS), st.integers(1, 4), st.data(), st.sampled_from([1, 1 << 20])
)
@settings(max_examples=12)
def test_neither_layout_nor_batches_nor_weights_change_the_result(
    layout, always, per_row, batch, baskets, minimum, data, entries
):
    weights = data.draw(st.lists(st.integers(0, 4), min_size=len(baskets), max_size=len(baskets)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bit_columns, "is_cheaper", lambda *_: layout == "columns")
        patch.setattr(matrices, "is_cheaper", lambda *sizes: layout.startswith("matrices"))
        patch.setattr(matrices, "_BASKETS", batch)
        patch.setattr(matrices, "_COUNTED", batch)
        worth = layout == "matrices and triples"
        patch.setattr(triples, "_worth_checking", lambda s, *rest: np.full(len(s), worth))
        patch.setattr(superset_sums, "ALWAYS", always)
        patch.setattr(superset_sums, "SUMS_PER_ROW", per_row)
        patch.setattr(projection, "BATCH", batch)
        patch.setattr(tail_pairs, "BATCH", batch)
        patch.setattr(tail_pairs, "CELLS_PER_PAIR", batch)
        superset_sums.bit_positions.cache_clear()
        weighted = by_engine(baskets, minimum, weights=weights, entries=entries)
        plain = by_engine(baskets, minimum, entries=entries)
    superset_sums.bit_positions.cache_clear()
    assert weighted == by_brute_force(baskets, minimum, weights=weights)
    assert plain == by_brute_force(baskets, minimum)


@given(BASKETS, st.integers(1, 5))
def test_the_textbook_apriori_finds_the_same(baskets, minimum):
    if not any(baskets) or minimum > len(baskets):
        return
    fast = frequent_itemsets(baskets, minimum)
    assert frequent_itemsets(baskets, minimum, method="apriori").to_dict() == fast.to_dict()
    short = frequent_itemsets(baskets, minimum, method="apriori", max_length=2)
    assert short.to_dict() == frequent_itemsets(baskets, minimum, max_length=2).to_dict()


def test_baskets_may_have_more_than_64_items():
    rng = np.random.default_rng(0)
    baskets = [rng.choice(90, 80, replace=False).tolist() for _ in range(40)]
    pairs = by_engine(baskets, 33, longest=3)
    assert pairs == by_brute_force(baskets, 33, longest=3)


def test_there_may_be_more_items_than_16_bits_can_number():
    baskets = [[2 * i, 2 * i + 1] for i in range(40_000)] * 2
    itemsets = frequent_itemsets(baskets, 2)
    assert len(itemsets) == 3 * 40_000
    assert set(itemsets.counts.tolist()) == {2}
    assert {tuple(sorted(items)) for items, _ in itemsets if len(items) == 2} == {
        (2 * i, 2 * i + 1) for i in range(40_000)
    }


DATA = Path(os.environ.get("HORNBOOK_DATA", Path(__file__).parents[4] / "shared" / "data"))
# from pyfim and mlxtend; the sums of all supports are from pyfim
REAL = [
    ("Groceries", 10, 13_492, None),
    ("Groceries", 5, 49_580, 562_109),
    ("chess", 2_238, 48_731, None),
    ("chess", 1_918, 254_944, 537_258_268),
    ("mushroom", 1_625, 53_583, None),
    ("retail", 89, 7_589, None),
    ("retail", 45, 19_242, 2_568_840),
    ("T10I4D100K", 100, 27_532, None),
    ("T10I4D100K", 50, 53_385, 8_450_826),
    ("accidents_part", 6_090, 20_483, 148_917_169),
]


def real_baskets(name):
    path = DATA / "baskets" / f"{name}.dat.gz"
    if not path.is_file():
        pytest.skip(f"needs {path.name} of the shared data (HORNBOOK_DATA)")
    with gzip.open(path, "rt") as file:
        return [tuple(map(int, line.split())) for line in file if line.strip()]


@pytest.mark.parametrize(("name", "minimum", "number", "sum_of_counts"), REAL)
def test_real_baskets_have_as_many_itemsets_as_in_other_programs(
    name, minimum, number, sum_of_counts
):
    itemsets = frequent_itemsets(real_baskets(name), minimum)
    assert len(itemsets) == number
    if sum_of_counts is not None:
        assert int(itemsets.counts.sum()) == sum_of_counts


@pytest.mark.parametrize(("name", "minimum"), [("Groceries", 10), ("chess", 2_238), ("retail", 89)])
@pytest.mark.parametrize(("kind", "letter"), [("all", "s"), ("closed", "c"), ("maximal", "m")])
def test_sets_and_supports_equal_pyfim(name, minimum, kind, letter):
    fim = pytest.importorskip("fim", reason="compares with pyfim")
    baskets = real_baskets(name)
    theirs = fim.fpgrowth(baskets, target=letter, supp=-minimum, report="a")
    ours = frequent_itemsets(baskets, minimum, kind=kind)
    assert ours.to_dict() == {frozenset(items): count for items, count in theirs}


@pytest.mark.parametrize(("kind", "letter"), [("closed", "c"), ("maximal", "m")])
def test_condensed_sets_found_directly_equal_pyfim(kind, letter, monkeypatch):
    fim = pytest.importorskip("fim", reason="compares with pyfim")
    monkeypatch.setattr(in_memory, "MAX_FILTERED", 0)
    baskets = real_baskets("chess")
    theirs = fim.fpgrowth(baskets, target=letter, supp=-2_300, report="a")
    ours = frequent_itemsets(baskets, 2_300, kind=kind)
    assert ours.to_dict() == {frozenset(items): count for items, count in theirs}
