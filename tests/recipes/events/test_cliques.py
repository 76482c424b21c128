from __future__ import annotations

import itertools

import numpy as np
import pytest

from hornbook.recipes.events.cliques import maximal_cliques


def enumerated(linked):
    """All maximal cliques, from all subsets."""
    size = len(linked)
    subsets = (set(c) for n in range(1, size + 1) for c in itertools.combinations(range(size), n))
    cliques = [c for c in subsets if all(linked[pair] for pair in itertools.combinations(c, 2))]
    return [tuple(sorted(one)) for one in cliques if not any(one < other for other in cliques)]


def graph(size, density, seed):
    upper = np.triu(np.random.default_rng(seed).random((size, size)) < density, 1)
    return upper | upper.T


@pytest.mark.parametrize("density", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_cliques_are_those_of_all_subsets_in_order(density):
    for seed in range(20):
        linked = graph(seed % 8, density, seed)
        assert maximal_cliques(linked, 1000) == sorted(enumerated(linked))


def test_of_very_many_cliques_only_the_first_are_searched():
    groups = np.arange(60) // 3
    linked = groups[:, None] != groups[None]  # 3^20 cliques
    cliques = maximal_cliques(linked, 4)
    first = tuple(range(0, 60, 3))
    assert cliques == [first, *((*first[:-1], 57 + n) for n in (1, 2)), (*first[:-2], 55, 57)]


def test_a_vertex_that_is_linked_with_itself_and_no_vertices():
    assert maximal_cliques(np.ones((2, 2), bool), 5) == [(0, 1)]
    assert maximal_cliques(np.zeros((0, 0), bool), 5) == []
