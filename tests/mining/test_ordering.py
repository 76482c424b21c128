from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.errors import OptionError
from hornbook.mining import Itemsets, association_rules, frequent_itemsets
from hornbook.mining.condensed import condense
from hornbook.mining.ordering import canonical_order, in_order, order_of_items
from hornbook.mining.reading.lists import from_lists
from hornbook.mining.search.collecting import Collector, SearchStopped
from hornbook.mining.search.superset_sums import lexicographic_codes


@pytest.fixture(scope="module", params=["numbers", "names", "one name at the end"])
def big_file(request, tmp_path_factory):
    """Baskets in five parts of 64 kB; a name may occur only near the end."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("baskets") / "big.dat"
    mark = "i" if request.param == "names" else ""
    rows = (rng.zipf(1.5, size).clip(max=300) for size in rng.integers(1, 12, 15_000))
    lines = [" ".join(f"{mark}{item}" for item in row) for row in rows]
    lines += ["1 2 tea"] * 400 if request.param == "one name at the end" else []
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("memory", ["1MB", "4MB", "20MB"])
def test_itemsets_order_and_rules_are_the_same_with_any_memory(big_file, memory):
    expected = frequent_itemsets(big_file, 0.01)
    itemsets = frequent_itemsets(big_file, 0.01, memory=memory)
    assert len(expected) > 50
    assert list(itemsets) == list(expected)
    rules = (association_rules(sets, 0.1).sorted_by("lift") for sets in (itemsets, expected))
    first, second = (list(rule) for rule in rules)
    assert first == second
    assert first


def plain_order(itemsets):
    """Sorts by length, count, and items from rare to frequent, in plain Python."""
    counts = {items[0]: count for items, count in itemsets if len(items) == 1}
    rank = {item: (counts[item], item) for item in counts}
    rows = [(tuple(sorted(items, key=rank.get)), count) for items, count in itemsets]
    return sorted(rows, key=lambda row: (len(row[0]), -row[1], [rank[item] for item in row[0]]))


@given(
    st.lists(st.sets(st.integers(0, 9), max_size=6), min_size=1, max_size=12).filter(any),
    st.randoms(use_true_random=False),
)
@settings(max_examples=20, deadline=None)
def test_shorter_sets_come_first_then_more_frequent_ones(baskets, random):
    itemsets = frequent_itemsets(baskets, 1, max_length=4)
    assert list(itemsets) == plain_order(itemsets)
    rows = list(itemsets)
    random.shuffle(rows)
    rows.sort(key=lambda row: len(row[0]))
    rows = [(tuple(random.sample(items, len(items))), count) for items, count in rows]
    shuffled = Itemsets(
        np.cumsum([0] + [len(items) for items, _ in rows]),
        np.array([item for items, _ in rows for item in items], np.int32),
        np.array([count for _, count in rows]),
        list(range(10)),
        itemsets.total,
        1,
    )
    assert list(in_order(shuffled)) == list(itemsets)


def test_long_sets_that_are_equal_in_the_first_key_are_ordered_by_the_others():
    rng = np.random.default_rng(0)
    baskets = [[f"a{i}" for i in range(12)], *([f"b{i}"] for i in rng.permutation(5000))]
    itemsets = frequent_itemsets(baskets, 1, max_length=12)
    assert list(itemsets) == plain_order(itemsets)


def sorted_by_python(sets, counts):
    rows = zip((-counts).tolist(), sets.tolist(), strict=True)
    return [place for _, place in sorted(zip(rows, range(len(sets)), strict=True))]


@pytest.mark.parametrize(("items", "length"), [(9, 3), (60, 12), (70_000, 9)])
@pytest.mark.parametrize("largest", [3, 70_000, 1 << 40])
def test_sets_are_ordered_by_count_and_then_by_items(items, length, largest):
    rng = np.random.default_rng(0)
    samples = {
        tuple(sorted([*range(length - 2), *rng.choice(np.arange(length - 2, items), 2, False)]))
        for _ in range(60)
    }
    sets = rng.permutation(np.array(list(samples), np.int32))
    counts = rng.integers(1, largest, len(sets))
    assert canonical_order(sets, counts, items).tolist() == sorted_by_python(sets, counts)


def test_runs_in_lexicographic_order_are_merged_as_a_whole():
    rng = np.random.default_rng(0)
    whole = np.array(list(itertools.combinations(range(9), 4)), np.uint16)
    parts = np.split(whole, np.sort(rng.choice(len(whole), 11, replace=False)))
    parts = [part for part in (parts[place] for place in rng.permutation(len(parts))) if len(part)]
    sets = np.concatenate(parts)
    starts = np.cumsum([0] + [len(part) for part in parts[:-1]])
    counts = rng.integers(1, 5, len(sets))
    order = canonical_order(sets, counts, 9, starts)
    assert order.tolist() == sorted_by_python(sets, counts)


@pytest.mark.parametrize("bits", [1, 2, 5])
def test_codes_with_equally_many_ones_are_in_the_order_of_positions(bits):
    codes = lexicographic_codes(bits).tolist()
    assert sorted(codes) == list(range(1 << bits))
    for size in range(bits + 1):
        group = [code for code in codes if code.bit_count() == size]
        positions = [[bit for bit in range(bits) if code >> bit & 1] for code in group]
        assert positions == sorted(positions)


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (["b", "a", "c"], [2, 1, 0]),
        (np.array([7, 3, 5]), [2, 1, 0]),
        (["b", 1, "c"], [2, 0, 1]),  # mixed types: in the order of appearance
        (None, [2, 0, 1]),
    ],
)
def test_rare_items_come_first_and_equally_frequent_ones_by_name(labels, order):
    assert order_of_items(np.arange(3), np.array([4, 4, 2]), labels).tolist() == order


@pytest.mark.parametrize("kind", ["closed", "maximal"])
@pytest.mark.parametrize("density", [2, 5])  # filtered from all sets, or found directly
def test_condensed_sets_are_in_the_order_of_all_sets(kind, density):
    rng = np.random.default_rng(0)
    rows = [rng.choice(list("hgfedcba"), density, replace=False).tolist() for _ in range(80)]
    rows = [[*row, "z"] if "a" in row else row for row in rows]  # z alone is not closed
    baskets = from_lists(rows)
    expected = condense(frequent_itemsets(baskets, 2), kind)
    assert list(frequent_itemsets(baskets, 2, kind=kind)) == list(expected)


def test_sets_that_do_not_fit_into_memory_are_not_collected():
    collector = Collector(10**9, room=1000)
    collector.add(np.zeros((10, 3), np.uint16), np.ones(10))
    with pytest.raises(SearchStopped):
        collector.add(np.zeros((100, 3), np.uint16), np.ones(100))
    assert collector.is_full


@pytest.mark.parametrize("kind", ["all", "closed"])
def test_a_result_that_does_not_fit_into_memory_is_refused_with_a_remedy(kind):
    rng = np.random.default_rng(0)
    baskets = [rng.choice(30, 15, replace=False).tolist() for _ in range(200)]
    with pytest.raises(OptionError, match="more memory"):
        frequent_itemsets(baskets, 2, kind=kind, memory="300KB")


# not `ru_maxrss`, which a child inherits from the process that started it
_PEAK = """
import pathlib, sys
from hornbook.cli import main
status = main(sys.argv[1:])
peak = pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(status, int(peak) >> 10)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's peak memory")
@pytest.mark.parametrize("support", ["0.5", "20"])
def test_the_peak_memory_is_at_most_the_limit_and_a_constant(tmp_path, support):
    rng = np.random.default_rng(0)
    path = tmp_path / "baskets.dat"
    rows = (rng.choice(60, 25, replace=False) for _ in range(4_000))
    path.write_text("".join(" ".join(map(str, row)) + "\n" for row in rows))
    words = ["mine", str(path), "--min-support", support, "--memory", "40MB"]
    process = subprocess.run(
        [sys.executable, "-c", _PEAK, *words], capture_output=True, text=True, check=True
    )
    status, peak = map(int, process.stdout.split()[-2:])
    assert status == (0 if support == "0.5" else 2)
    assert peak < 40 + 100
