"""Maximal cliques of a graph: groups of vertices that are all linked, and in no larger one."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice

import numpy as np


def maximal_cliques(linked: np.ndarray, most: int) -> list[tuple[int, ...]]:
    """Returns the maximal cliques.

    A graph may have exponentially many, 3^(n/3) for n vertices.  They are found one after the
    other, each with at most n^2 steps of work, in lexicographic order, so those with the first
    vertices come first.

    Args:
        linked: `(vertices, vertices)`, True where two vertices are linked; symmetric.
        most: Maximum number of cliques.

    Returns:
        The vertices of each clique, in order.

    Reference: Johnson, Yannakakis and Papadimitriou 1988, On generating all maximal independent
    sets, https://doi.org/10.1016/0020-0190(88)90065-8
    """
    return list(islice(_in_order(linked), most))


def _in_order(linked: np.ndarray) -> Iterator[tuple[int, ...]]:
    size = len(linked)
    if not size:
        return
    # the neighbors of a vertex are the bits of an integer
    neighbors = [
        sum(1 << int(other) for other in np.flatnonzero(row) if other != vertex)
        for vertex, row in enumerate(linked)
    ]

    def completed(clique: list[int]) -> tuple[int, ...]:
        """Adds to a clique the first vertex that fits, and so on."""
        candidates = (1 << size) - 1
        for vertex in clique:
            candidates &= neighbors[vertex]
        members = list(clique)
        while candidates:
            first = (candidates & -candidates).bit_length() - 1
            members.append(first)
            candidates &= neighbors[first]
        return tuple(sorted(members))

    waiting = [completed([])]
    known = set(waiting)
    while waiting:
        clique = heapq.heappop(waiting)
        yield clique
        for vertex in set(range(size)).difference(clique):
            before = [one for one in clique if one < vertex and neighbors[vertex] >> one & 1]
            following = completed([*before, vertex])
            if following not in known:
                known.add(following)
                heapq.heappush(waiting, following)
