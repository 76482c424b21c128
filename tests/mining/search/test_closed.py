"""Maximal sets: how many are held during the search."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.errors import OptionError
from hornbook.mining import frequent_itemsets
from hornbook.mining.search import bitsets, closed
from hornbook.mining.sources import in_memory

MINIMUM = 6


@pytest.fixture(scope="module")
def baskets():
    """Dense baskets, in which many sets end a branch and are in others after all."""
    held = np.random.default_rng(0).random((60, 24)) < 0.5
    return [np.flatnonzero(row).tolist() for row in held]


@pytest.fixture(scope="module")
def maximal(baskets):
    """All sets are few, and the maximal ones are chosen from them."""
    return frequent_itemsets(baskets, MINIMUM, kind="maximal").to_dict()


@pytest.fixture
def looked_at(monkeypatch):
    """The number of sets at hand each time those that are in others were left out.

    The sets are searched for directly from here on, few at a time.
    """
    monkeypatch.setattr(in_memory, "MOST_FILTERED", 0)
    monkeypatch.setattr(closed, "_ENTRIES", 100)
    numbers = []
    without_subsets = bitsets.without_subsets

    def noted(sets, sizes):
        numbers.append(len(sizes))
        return without_subsets(sets, sizes)

    monkeypatch.setattr(bitsets, "without_subsets", noted)
    return numbers


def test_leaving_out_what_is_in_others_on_the_way_changes_nothing(
    baskets, maximal, looked_at, monkeypatch
):
    start = closed._Search.__init__

    def narrow(search, *arguments):
        start(search, *arguments)
        search.room = 10

    monkeypatch.setattr(closed._Search, "__init__", narrow)
    assert frequent_itemsets(baskets, MINIMUM, kind="maximal").to_dict() == maximal
    assert len(looked_at) > 2


def test_more_maximal_sets_than_the_limit_stop_the_search_on_its_way(baskets, maximal, looked_at):
    limit = len(maximal) // 10
    with pytest.raises(OptionError, match=f"more than {limit} maximal itemsets so far"):
        frequent_itemsets(baskets, MINIMUM, kind="maximal", limit=limit)
    assert max(looked_at) < len(maximal)
