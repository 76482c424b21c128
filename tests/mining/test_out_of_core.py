from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.errors import DataError, OptionError
from hornbook.mining import Baskets, counting, frequent_itemsets
from hornbook.mining.counting import count_sets
from hornbook.mining.out_of_core import fits, mine_file


@pytest.fixture
def big_file(tmp_path):
    """600 kB of baskets, so that parts of the smallest size, 64 kB, are ten."""
    rng = np.random.default_rng(0)
    path = tmp_path / "big.dat"
    sizes = rng.integers(1, 12, 30_000)
    lines = [" ".join(map(str, rng.zipf(1.5, size).clip(max=400))) for size in sizes]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("support", [0.01, 450])
def test_a_file_mined_in_parts_gives_what_it_gives_at_once(big_file, support):
    assert not fits(big_file, 1 << 20)
    assert fits(big_file, 1 << 30)
    at_once = frequent_itemsets(big_file, support)
    in_parts = frequent_itemsets(big_file, support, memory="1MB")
    assert len(at_once) > 50
    assert in_parts.to_dict() == at_once.to_dict()
    assert in_parts.total == at_once.total


def test_names_and_quotes_survive_the_parts(tmp_path):
    path = tmp_path / "big.csv"
    lines = ['"salt, fine",bread', "milk,bread", 'milk,"salt, fine",jam'] * 5_000
    path.write_text("\n".join(lines))
    found = mine_file(path, 0.3, 99, 1 << 16, 1000)
    assert (
        found.to_dict()
        == frequent_itemsets(
            [["salt, fine", "bread"], ["milk", "bread"], ["milk", "salt, fine", "jam"]] * 5_000, 0.3
        ).to_dict()
    )


def test_a_support_that_cannot_be_is_refused_here_too(big_file):
    for support in (0, 1.5, 10**9):
        with pytest.raises(OptionError):
            frequent_itemsets(big_file, support, memory="1MB")


def test_weights_need_the_whole_file(big_file):
    with pytest.raises(OptionError, match="in parts"):
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
