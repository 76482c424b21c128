"""The Markov model against bert4keras, and against all tag sequences of short texts."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest

from hornbook.layers import MEMM

pytestmark = pytest.mark.backend

TAGS = 3
MASKS = np.array([[1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]], bool)
RANDOM = np.random.default_rng(0)
EMISSIONS = RANDOM.normal(size=(4, 4, TAGS)).astype("float32")
LABELS = RANDOM.integers(TAGS, size=(4, 4))
TRANSITIONS = RANDOM.normal(size=(TAGS, TAGS)).astype("float32")


def build(**options):
    layer = MEMM(TAGS, **options)
    layer.build((None, None, TAGS))
    layer.stored_transitions.assign(TRANSITIONS)
    return layer


def log_softmax(x):
    return x - np.log(np.exp(x).sum())


def one_way(emissions, tags, transitions):
    total = log_softmax(emissions[0])[tags[0]]
    for t in range(1, len(tags)):
        total += log_softmax((emissions[t] + transitions[tags[t - 1]]) / 2)[tags[t]]
    return total


def reference(emissions, mask):
    """The tags of the real tokens, and the logarithm of the mean of both directions, of each."""
    emissions = emissions[mask].astype("float64")
    all_tags = list(itertools.product(range(TAGS), repeat=len(emissions)))
    scores = [
        one_way(emissions, tags, TRANSITIONS) / 2
        + one_way(emissions[::-1], tags[::-1], TRANSITIONS.T) / 2
        for tags in all_tags
    ]
    return all_tags, np.array(scores)


class Answers(keras.Model):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, inputs):
        emissions = self.layer(inputs["emissions"], inputs["mask"])
        return {
            "log_likelihood": self.layer.log_likelihood(emissions, inputs["labels"]),
            "marginals": self.layer.marginals(emissions),
            "tags": self.layer.decode(emissions),
        }


@pytest.fixture(scope="module")
def answers():
    inputs = {"emissions": EMISSIONS, "mask": MASKS, "labels": LABELS}
    return Answers(build()).predict_on_batch(inputs)


@pytest.mark.parametrize("text", range(3))
def test_it_computes_what_a_sum_over_all_tags_does(answers, text):
    mask = MASKS[text]
    all_tags, scores = reference(EMISSIONS[text], mask)
    label = all_tags.index(tuple(LABELS[text][mask]))
    assert answers["log_likelihood"][text] == pytest.approx(scores[label], abs=1e-5)
    total = np.log(np.exp(scores).sum())
    marginals = np.zeros((mask.sum(), TAGS))
    for tags, score in zip(all_tags, scores, strict=True):
        marginals[range(len(tags)), tags] += np.exp(score - total)
    np.testing.assert_allclose(answers["marginals"][text][mask], marginals, atol=1e-5)
    assert tuple(answers["tags"][text][mask]) == all_tags[scores.argmax()]


def test_where_there_is_no_token_all_answers_are_0(answers):
    assert answers["log_likelihood"][3] == 0
    assert (answers["marginals"][~MASKS] == 0).all()
    assert (answers["tags"][~MASKS] == 0).all()


def test_numpy_decodes_what_the_backend_does(answers):
    np.testing.assert_array_equal(build().decode(EMISSIONS, MASKS), answers["tags"])


@pytest.mark.parametrize("rank", [None, 2])
def test_losses_are_those_of_bert4keras(compute, numbers, bert4keras, rank):
    layer = MEMM(TAGS, rank=rank)
    layer.build((None, None, TAGS))
    weights = [numbers(1, 3, 3)] if rank is None else [numbers(3, 3, 2), numbers(4, 3, 2)]
    layer.set_weights(weights)
    labels = np.random.RandomState(2).randint(3, size=(2, 6))
    mask = np.arange(6) < np.array([[6], [4]])
    losses = compute(layer.loss, labels, numbers(0, 2, 6, 3), mask)
    # bert4keras's are means over tokens
    expected = bert4keras["memm_loss" if rank is None else "memm_low_rank_loss"]
    np.testing.assert_allclose(losses / [6, 4], expected, rtol=1e-5)


def test_illegal_tags_are_not_decoded():
    allowed = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]], bool)
    layer = build(allowed=allowed, allowed_start=[0, 1, 1], allowed_end=[1, 0, 1])
    tags = layer.decode(EMISSIONS * 5)
    assert allowed[tags[:, :-1], tags[:, 1:]].all()
    assert {*tags[:, 0]} <= {1, 2}
    assert {*tags[:, -1]} <= {0, 2}
