"""Scores of long texts, compared with the model token by token."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.errors import OptionError
from hornbook.generation.scoring import Score, perplexity, windows


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(2, 12), st.data())
def test_each_token_but_the_first_is_scored_once_with_enough_context(lengths, window, data):
    stride = data.draw(st.integers(1, window - 1))
    counted = [{} for _ in lengths]
    for text, start, first, end in windows(lengths, window=window, stride=stride):
        assert 0 <= start < first < end <= lengths[text]
        assert end - start <= window
        for place in range(first, end):
            assert place not in counted[text]
            counted[text][place] = start
    for length, contexts in zip(lengths, counted, strict=True):
        assert contexts == {place: context_of(place, window, stride) for place in range(1, length)}


def context_of(place, window, stride):
    """Returns the start of the first window that contains a position."""
    start = 0
    while place >= start + window:
        start += stride
    return start


def test_perplexity_is_that_of_all_tokens():
    values = [np.log([0.5, 0.1]), np.zeros(0), np.log([0.2, 0.25, 0.4])]
    scores = [Score(np.arange(len(one)), one) for one in values]
    assert perplexity(scores) == pytest.approx((0.5 * 0.1 * 0.2 * 0.25 * 0.4) ** (-1 / 5))
    assert scores[2].perplexity == pytest.approx((0.2 * 0.25 * 0.4) ** (-1 / 3))
    assert scores[0].total == pytest.approx(np.log(0.05))
    assert np.isnan(scores[1].perplexity)
    assert np.isnan(perplexity([]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 1}, "window is 1; it must be at least 2."),
        ({"window": 8, "stride": 8}, "stride is 8; it must be at least 1 and below 8."),
        ({"window": 8, "stride": 0}, "stride is 0; it must be at least 1 and below 8."),
        ({"window": 8, "lengths": [1, 0]}, "Text 2 is empty: give at least one token."),
    ],
)
def test_texts_that_cannot_be_scored_are_one_line(options, message):
    with pytest.raises(OptionError) as e:
        windows(**{"lengths": [2], **options})
    assert str(e.value) == message
