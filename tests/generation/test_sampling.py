"""Filters, compared with full sorting, and draws, compared with their probabilities."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hornbook.generation.sampling import (
    Distribution,
    distribution,
    largest,
    log_probabilities,
    log_probabilities_of,
)

SOME_LOGITS = arrays.arrays(
    np.float32, st.integers(1, 40), elements=st.floats(-8, 8, width=16, allow_nan=False)
)


def softmax(logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def by_sorting(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, typical_p=None):
    """Returns the probabilities of all tokens, with every filter as in its paper."""
    logits = logits.astype(np.float64) / temperature
    if top_k is not None:
        worst = np.sort(logits)[::-1][: min(top_k, len(logits))][-1]
        logits = np.where(logits >= worst, logits, -np.inf)
    if top_p is not None:
        order = np.argsort(-logits, kind="stable")
        before = np.cumsum(softmax(logits)[order]) - softmax(logits)[order]
        dropped = order[before >= top_p]
        logits[dropped] = -np.inf
    if min_p is not None:
        logits = np.where(softmax(logits) >= min_p * softmax(logits).max(), logits, -np.inf)
    if typical_p is not None:
        p = softmax(logits)
        information = -np.log(np.where(p > 0, p, 1))
        entropy = (p * information).sum()
        distance = np.where(p > 0, np.abs(information - entropy), np.inf)
        order = np.argsort(distance, kind="stable")
        before = np.cumsum(p[order]) - p[order]
        logits[order[before >= typical_p]] = -np.inf
    return softmax(logits)


def in_full(result, size):
    whole = np.zeros(size)
    whole[result.token_ids] = result.probabilities
    return whole


@pytest.mark.parametrize("size", [1, 7, 1000, 60_000])
@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"temperature": 0.3},
        {"top_k": 1},
        {"top_k": 50},
        {"top_p": 0.9},
        {"top_p": 0.999},
        {"min_p": 0.05},
        {"typical_p": 0.2},
        {"typical_p": 0.95},
        {"temperature": 1.7, "top_k": 40, "top_p": 0.8, "min_p": 0.1, "typical_p": 0.7},
    ],
)
def test_filters_keep_the_same_tokens_as_sorting_everything(size, filters):
    for seed in range(5):
        random = np.random.default_rng(seed)
        logits = random.normal(0, 3, size).astype(np.float32)
        result = in_full(distribution(logits, **filters), size)
        np.testing.assert_allclose(result, by_sorting(logits, **filters), rtol=1e-4, atol=1e-9)


def test_the_token_that_crosses_top_p_is_kept():
    logits = np.log(np.array([0.5, 0.3, 0.2], np.float32))
    assert distribution(logits, top_p=0.5).token_ids.tolist() == [0]
    assert distribution(logits, top_p=0.51).token_ids.tolist() == [0, 1]
    assert distribution(logits, top_p=0.01).token_ids.tolist() == [0]


def test_top_p_counts_tokens_that_tie_with_the_best():
    logits = np.array([1, 1, 0, 1, 1], np.float32) * 100
    assert distribution(logits, top_p=0.5).token_ids.tolist() == [0, 1]
    assert distribution(logits, top_p=0.501).token_ids.tolist() == [0, 1, 3]


def test_tokens_that_tie_with_the_last_of_top_k_are_kept():
    logits = np.array([1, 3, 2, 2, 0], np.float32)
    assert distribution(logits, top_k=2).token_ids.tolist() == [1, 2, 3]


def test_ties_of_top_k_are_kept_in_a_large_vocabulary():
    logits = np.zeros(60_000, np.float32)
    logits[[5, 40_000, 59_999]] = [3, 2, 2]
    assert distribution(logits, top_k=1).token_ids.tolist() == [5]
    assert distribution(logits, top_k=2).token_ids.tolist() == [5, 40_000, 59_999]
    assert distribution(logits, top_k=3).token_ids.tolist() == [5, 40_000, 59_999]
    assert len(distribution(logits, top_k=4).token_ids) == 60_000


def test_a_token_exactly_at_min_p_is_kept():
    logits = np.array([1, 2, 2, 0], np.float32)
    assert distribution(logits, min_p=1).token_ids.tolist() == [1, 2]
    share = float(np.exp(np.float32(-1)))  # of the token one below the best, to the last bit
    assert distribution(logits, min_p=share).token_ids.tolist() == [0, 1, 2]
    assert distribution(logits, min_p=np.nextafter(share, 1)).token_ids.tolist() == [1, 2]
    assert distribution(logits, min_p=0).token_ids.tolist() == [0, 1, 2, 3]


def test_the_temperature_divides_the_logits_before_the_filters():
    logits = np.log(np.array([0.2, 0.8], np.float32))
    half = distribution(logits, temperature=0.5).probabilities
    double = distribution(logits, temperature=2).probabilities
    np.testing.assert_allclose(half, [1 / 17, 16 / 17], rtol=1e-6)
    np.testing.assert_allclose(double, [1 / 3, 2 / 3], rtol=1e-6)
    assert distribution(logits, min_p=0.4).token_ids.tolist() == [1]
    assert distribution(logits, min_p=0.4, temperature=2).token_ids.tolist() == [0, 1]
    assert distribution(logits, top_p=0.7).token_ids.tolist() == [1]
    assert distribution(logits, top_p=0.7, temperature=2).token_ids.tolist() == [0, 1]


def test_forbidden_tokens_are_not_among_the_top():
    logits = np.full(50_000, -np.inf, np.float32)
    logits[[7, 30_000]] = [0.0, 1.0]
    for filters in ({}, {"top_k": 5}, {"top_p": 0.99}, {"typical_p": 0.99}, {"min_p": 0.0}):
        assert distribution(logits, **filters).token_ids.tolist() == [7, 30_000]


@pytest.mark.parametrize("temperature", [0, 1e-60, 1e-40, 1e-6])
def test_at_temperature_0_only_the_best_token_is_kept(temperature):
    result = distribution(np.array([1, 5, 4.9, 5, -np.inf], np.float32), temperature=temperature)
    assert result.token_ids[0] == 1
    assert result.draw(0.0) == 1


@given(SOME_LOGITS, st.floats(0, 1, exclude_max=True), st.data())
def test_a_draw_inverts_the_cumulative_distribution(logits, uniform, data):
    logits[data.draw(st.lists(st.integers(0, len(logits) - 1), max_size=3))] = -np.inf
    if logits.max() == -np.inf:
        logits[0] = 0
    p = in_full(distribution(logits), len(logits))
    token_id = distribution(logits).draw(uniform)
    assert p[token_id] > 0
    assert p[:token_id].sum() <= uniform + 1e-6
    assert p[: token_id + 1].sum() >= uniform - 1e-6


def test_draws_from_many_equally_likely_tokens_go_through_all_of_them():
    size = 2000  # four partial sums
    result = Distribution(np.arange(size), np.ones(size, np.float32))
    assert [result.draw((token + 0.5) / size) for token in range(size)] == list(range(size))


def test_no_token_of_probability_zero_is_drawn_at_any_border():
    weights = np.zeros(2000, np.float32)
    weights[[3, 511, 512, 1300]] = 0.25
    result = Distribution(np.arange(2000), weights)
    borders = [0, 0.25, 0.5, 0.75, 1 - 2**-53]
    around = [np.nextafter(b, to) for b in borders for to in (0, 1)]
    drawn = {result.draw(min(max(u, 0.0), 1 - 2**-53)) for u in (*borders, *around)}
    assert drawn == {3, 511, 512, 1300}


def test_draws_have_the_frequencies_of_the_distribution():
    logits = np.random.default_rng(0).normal(0, 1.5, 1200).astype(np.float32)
    result = distribution(logits, top_k=30)
    draws = 20_000
    uniforms = (np.arange(draws) + 0.5) / draws  # evenly, so that the error is below 1 / draws
    counts = np.bincount([result.draw(uniform) for uniform in uniforms], minlength=1200)
    np.testing.assert_allclose(counts / draws, in_full(result, 1200), atol=1.01 / draws)


@given(SOME_LOGITS, st.integers(1, 60))
def test_largest_has_the_largest(values, count):
    places = largest(values, count)
    assert set(np.argsort(-values, kind="stable")[:count]) <= set(places)
    assert (np.diff(places) > 0).all()


def test_largest_excludes_most_of_a_large_array():
    values = np.random.default_rng(0).normal(size=100_003).astype(np.float32)
    places = largest(values, 50)
    assert 50 <= len(places) < 200
    assert values[places].min() > np.delete(values, places).max()


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_refused(broken):
    with pytest.raises(ValueError, match="Cannot sample"):
        distribution(np.array([0, broken, 1], np.float32))
    with pytest.raises(ValueError, match="Cannot sample"):
        distribution(np.full(3, -np.inf, np.float32))


@given(SOME_LOGITS, SOME_LOGITS)
@example(np.array([0.0], np.float32), np.array([0.0, -0.0], np.float32))
def test_without_is_the_positive_part_of_the_difference(first, second):
    one, other = distribution(first, top_k=4), distribution(second, top_p=0.7)
    size = max(len(first), len(second))
    expected = np.maximum(in_full(one, size) - in_full(other, size), 0)
    if expected.sum() == 0:
        expected = in_full(one, size)
    rest = one.without(other)
    np.testing.assert_allclose(in_full(rest, size), expected / expected.sum(), atol=1e-9)
    assert other.probability(int(second.argmax())) == pytest.approx(
        in_full(other, size)[second.argmax()]
    )
    assert other.probability(size) == 0


def test_log_probabilities_are_logarithms_of_the_softmax():
    logits = np.random.default_rng(0).normal(0, 5, (3, 4, 50)).astype(np.float32)
    expected = np.log(np.apply_along_axis(softmax, -1, logits.astype(np.float64)))
    np.testing.assert_allclose(log_probabilities(logits), expected, atol=1e-5)
    token_ids = np.arange(12).reshape(3, 4)
    chosen = np.take_along_axis(expected, token_ids[..., None], -1)[..., 0]
    np.testing.assert_allclose(log_probabilities_of(logits, token_ids), chosen, atol=1e-5)


@pytest.mark.parametrize("impossible", [2, 500])
def test_impossible_tokens_are_never_among_the_largest(impossible):
    values = np.array([-np.inf] * impossible + [1.0, 2.0])
    assert largest(values, 4).tolist() == [impossible, impossible + 1]
