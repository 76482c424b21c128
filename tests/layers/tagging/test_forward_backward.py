from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from hornbook.layers.tagging.forward_backward import ForwardBackward

TAGS, LENGTHS = 3, [4, 1, 0, 3]


def sums(by_position=False):
    random = np.random.default_rng(0)
    pairs = (len(LENGTHS), 4, TAGS, TAGS) if by_position else (TAGS, TAGS)
    shapes = [(len(LENGTHS), 4, TAGS), pairs, (TAGS,), (TAGS,)]
    return ForwardBackward(*(random.normal(size=shape) for shape in shapes), np.array(LENGTHS))


def score(of, text, path):
    by_position = of.transitions.ndim == 4
    pairs = sum(
        of.transitions[(text, t, *pair) if by_position else pair]
        for t, pair in enumerate(pairwise(path), 1)
    )
    units = sum(of.emissions[text, t, tag] for t, tag in enumerate(path))
    return of.start[path[0]] + of.end[path[-1]] + pairs + units


@pytest.mark.parametrize("by_position", [False, True])
def test_probabilities_and_losses_are_those_of_all_paths(by_position):
    of = sums(by_position)
    for text, length in enumerate(LENGTHS):
        paths = list(product(range(TAGS), repeat=length))
        if not length:
            assert of.loss(text, []) == 0
            continue
        weights = np.exp([score(of, text, path) for path in paths])
        np.testing.assert_allclose(of.log_partition[text], np.log(weights.sum()))
        for path, weight in zip(paths, weights, strict=True):
            np.testing.assert_allclose(of.loss(text, path), np.log(weights.sum() / weight))
        for first in range(length):
            for span in product(range(TAGS), repeat=min(2, length - first)):
                inside = [path[first : first + len(span)] == span for path in paths]
                expected = weights[inside].sum() / weights.sum()
                np.testing.assert_allclose(of.span_probability(text, first, span), expected)


def test_padding_changes_nothing():
    of = sums()
    text = 3
    alone = ForwardBackward(
        of.emissions[[text], :3], of.transitions, of.start, of.end, np.array([3])
    )
    np.testing.assert_allclose(of.log_partition[text], alone.log_partition[0])
    np.testing.assert_allclose(
        of.span_probability(text, 1, [2, 0]), alone.span_probability(0, 1, [2, 0])
    )
