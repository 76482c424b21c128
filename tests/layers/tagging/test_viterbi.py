"""Viterbi in NumPy against the best of all tag sequences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hornbook.layers.tagging.viterbi import viterbi

TAGS = 3
MASKS = np.array(
    [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]
)
RANDOM = np.random.default_rng(0)
EMISSIONS = RANDOM.normal(size=(5, 5, TAGS))
TRANSITIONS = RANDOM.normal(size=(TAGS, TAGS))
START, END = RANDOM.normal(size=(2, TAGS))


def best(emissions, transition):
    """The best of all tags of a text's real tokens; `transition(t, i, j)` leads to token `t`."""

    def score(tags):
        between = sum(transition(t + 1, *pair) for t, pair in enumerate(itertools.pairwise(tags)))
        return START[tags[0]] + END[tags[-1]] + between + sum(emissions[range(len(tags)), tags])

    return max(
        (score(tags), tags) for tags in itertools.product(range(TAGS), repeat=len(emissions))
    )


def test_the_tags_are_the_best_of_all_at_real_tokens_and_0_elsewhere():
    before = EMISSIONS.copy()
    tags, scores = viterbi(EMISSIONS, TRANSITIONS, START, END, MASKS)
    for text, mask in enumerate(MASKS.astype(bool)):
        assert (tags[text][~mask] == 0).all()
        if mask.any():
            score, expected = best(EMISSIONS[text][mask], lambda t, i, j: TRANSITIONS[i, j])
            assert tuple(tags[text][mask]) == expected
            assert scores[text] == pytest.approx(score)
    assert scores[-1] == 0
    np.testing.assert_array_equal(EMISSIONS, before)


def test_transitions_may_differ_from_token_to_token():
    transitions = RANDOM.normal(size=(1, 5, TAGS, TAGS))
    tags, scores = viterbi(EMISSIONS[:1], transitions, START, END)
    score, expected = best(EMISSIONS[0], lambda t, i, j: transitions[0, t, i, j])
    assert tuple(tags[0]) == expected
    assert scores[0] == pytest.approx(score)


def test_without_boundaries_and_mask_only_emissions_and_transitions_count():
    tags, _ = viterbi(EMISSIONS, TRANSITIONS)
    zeros = np.zeros(TAGS)
    np.testing.assert_array_equal(
        tags, viterbi(EMISSIONS, TRANSITIONS, zeros, zeros, np.ones((5, 5)))[0]
    )
