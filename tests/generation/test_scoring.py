"""Scores of long texts against the model asked token by token."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.errors import OptionError
from hornbook.generation.scoring import likelihoods_from_logits, perplexity, score

SIZE = 7


def predict_with(model, batches):
    def predict(token_ids):
        batches.append(token_ids.shape)
        return np.array(
            [
                [model(tuple(row[: end + 1])) for end in range(len(row))]
                for row in token_ids.tolist()
            ]
        )

    return predict


@given(
    st.lists(st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=30), min_size=1, max_size=4),
    st.integers(2, 12),
    st.data(),
)
def test_each_token_is_scored_once_with_context_enough(random_model, texts, window, data):
    model = random_model(SIZE)
    stride = data.draw(st.integers(1, window - 1))
    batches = []
    likelihoods = likelihoods_from_logits(predict_with(model, batches))
    scores = score(texts, likelihoods, window=window, stride=stride, batch_size=3)
    for text, found in zip(texts, scores, strict=True):
        expected = [
            model.log_probabilities(tuple(text[context_of(place, window, stride) : place]))[
                token_id
            ]
            for place, token_id in enumerate(text)
            if place > 0
        ]
        np.testing.assert_allclose(found.log_probabilities, expected, atol=1e-5)
        assert found.total == pytest.approx(sum(expected), abs=1e-4)
    assert all(rows <= 3 and 2 <= length <= window for rows, length in batches)


def context_of(place, window, stride):
    """Where the first window begins that has a place."""
    start = 0
    while place >= start + window:
        start += stride
    return start


def test_perplexity_is_that_of_all_tokens(random_model):
    model = random_model(SIZE, memory=1)
    texts = [[1, 2, 3], [4], [5, 6, 1, 2, 3, 3]]
    scores = score(texts, likelihoods_from_logits(predict_with(model, [])), window=4)
    every = [
        model.log_probabilities((first,))[second]
        for text in texts
        for first, second in itertools.pairwise(text)
    ]
    assert perplexity(scores) == pytest.approx(np.exp(-np.mean(every)), rel=1e-5)
    assert scores[2].perplexity == pytest.approx(np.exp(-np.mean(every[2:])), rel=1e-5)
    assert np.isnan(scores[1].perplexity)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 1}, "window is 1; it must be at least 2."),
        ({"window": 8, "stride": 8}, "stride is 8; it must be at least 1 and below 8."),
        ({"window": 8, "stride": 0}, "stride is 0; it must be at least 1 and below 8."),
        ({"window": 8, "texts": [[1], []]}, "Text 2 is empty: give one token at least."),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_line(options, message):
    with pytest.raises(OptionError) as e:
        score(**{"texts": [[1, 2]], "likelihoods": None, **options})
    assert str(e.value) == message
