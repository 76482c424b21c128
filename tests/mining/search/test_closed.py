"""Maximal sets: how many are in memory during the search."""

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
    """Dense baskets, in which many sets end a branch and are subsets of others after all."""
    matrix = np.random.default_rng(0).random((60, 24)) < 0.5
    return [np.flatnonzero(row).tolist() for row in matrix]


@pytest.fixture(scope="module")
def maximal(baskets):
    """The maximal sets, filtered from all sets, which are few."""
    return frequent_itemsets(baskets, MINIMUM, kind="maximal").to_dict()


@pytest.fixture
def set_counts(monkeypatch):
    """The number of sets in memory each time that subsets were dropped.

    From here on, maximal sets are searched for directly, few at a time.
    """
    monkeypatch.setattr(in_memory, "MAX_FILTERED", 0)
    monkeypatch.setattr(closed, "_ENTRIES", 100)
    numbers = []
    without_subsets = bitsets.without_subsets

    def recording(sets, sizes):
        numbers.append(len(sizes))
        return without_subsets(sets, sizes)

    monkeypatch.setattr(bitsets, "without_subsets", recording)
    return numbers


def test_dropping_subsets_during_the_search_changes_nothing(
    baskets, maximal, set_counts, monkeypatch
):
    start = closed._Search.__init__

    def narrow(search, *arguments):
        start(search, *arguments)
        search.room = 10

    monkeypatch.setattr(closed._Search, "__init__", narrow)
    assert frequent_itemsets(baskets, MINIMUM, kind="maximal").to_dict() == maximal
    assert len(set_counts) > 2


def test_more_maximal_sets_than_the_limit_stop_the_search_early(baskets, maximal, set_counts):
    limit = len(maximal) // 10
    with pytest.raises(OptionError, match=f"more than {limit} maximal itemsets so far"):
        frequent_itemsets(baskets, MINIMUM, kind="maximal", limit=limit)
    assert max(set_counts) < len(maximal)
