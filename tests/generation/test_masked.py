"""Mask filling, compared with exhaustive search, and Gibbs sampling from a known distribution."""

from itertools import islice, product

import numpy as np
import pytest

from hornbook.errors import OptionError
from hornbook.generation.masked import fill_masks, gibbs_samples

SIZE, LENGTH, MASK = 4, 3, 3  # tokens 0 to 2, and the mask


@pytest.fixture
def joint():
    """Returns the probabilities of all texts of three tokens."""
    weights = np.random.default_rng(1).gamma(0.7, size=(3,) * LENGTH)
    return weights / weights.sum()


def model_of(joint, calls=None):
    """Returns a model of the conditional distributions, given the tokens that are not masked."""

    def predict(token_ids, rows, places):
        if calls is not None:
            calls.append(token_ids.copy())
        logits = np.full((len(rows), SIZE), 7.0, np.float32)  # the mask is the likeliest
        for number, (row, place) in enumerate(zip(rows, places, strict=True)):
            indices = [
                slice(None) if other == place or t == MASK else slice(t, t + 1)
                for other, t in enumerate(token_ids[row])
            ]
            others = tuple(other for other in range(LENGTH) if other != place)
            logits[number, :MASK] = np.log(joint[tuple(indices)].sum(axis=others))
        return logits

    return predict


def conditional(joint, text, place):
    logits = model_of(joint)(np.array([text]), [0], [place])[0, :MASK].astype(np.float64)
    return np.exp(logits) / np.exp(logits).sum()


def test_at_once_each_mask_gets_its_own_most_likely_token(joint):
    calls = []
    [[filled]] = fill_masks(model_of(joint, calls), np.array([[MASK, 1, MASK]]), MASK, "at once")
    assert len(calls) == 1
    for place in (0, 2):
        p = conditional(joint, [MASK, 1, MASK], place)
        assert filled.token_ids[place] == p.argmax()
        assert filled.log_probabilities[place] == pytest.approx(np.log(p.max()), abs=1e-5)
    assert filled.token_ids[1] == 1
    assert filled.log_probabilities[1] == 0


@pytest.mark.parametrize("order", ["confident first", "left to right"])
def test_masks_are_filled_one_after_the_other(joint, order):
    texts = np.array([[MASK, MASK, MASK], [MASK, 2, MASK], [0, 1, 2]])
    filled = fill_masks(model_of(joint), texts, MASK, order)
    for text, [result] in zip(texts.tolist(), filled, strict=True):
        total = 0.0
        while MASK in text:
            gaps = [place for place in range(LENGTH) if text[place] == MASK]
            best = {place: conditional(joint, text, place).max() for place in gaps}
            place = max(gaps, key=best.get) if order == "confident first" else gaps[0]
            total += np.log(best[place])
            text[place] = int(conditional(joint, text, place).argmax())
        assert result.token_ids.tolist() == text
        assert result.score == pytest.approx(total, abs=1e-5)
    assert texts[0, 0] == MASK  # the input is unchanged


@pytest.mark.parametrize("order", ["at once", "confident first", "left to right"])
def test_all_texts_are_returned_if_n_is_large_enough(joint, order):
    [results] = fill_masks(model_of(joint), np.array([[MASK, 1, MASK]]), MASK, order, n=20)
    assert {tuple(one.token_ids) for one in results} == {
        (a, 1, b) for a, b in product(range(3), repeat=2)
    }
    scores = [one.score for one in results]
    assert scores == sorted(scores, reverse=True)
    if order == "left to right":  # then the chain rule gives the joint probability itself
        expected = np.log(joint[:, 1] / joint[:, 1].sum())
        for one in results:
            assert one.score == pytest.approx(
                expected[one.token_ids[0], one.token_ids[2]], abs=1e-5
            )
    best = fill_masks(model_of(joint), np.array([[MASK, 1, MASK]]), MASK, order, n=3)[0]
    if order == "at once":
        assert [one.token_ids.tolist() for one in best] == [
            o.token_ids.tolist() for o in results[:3]
        ]


def test_an_unknown_order_suggests_the_nearest_name(joint):
    with pytest.raises(OptionError, match="Did you mean 'left to right'"):
        fill_masks(model_of(joint), np.array([[MASK] * 3]), MASK, "left-to-right")


def test_gibbs_samples_have_the_joint_distribution(joint):
    chains = 400
    begin = np.tile([0, 1, 2], (chains, 1))
    samples = gibbs_samples(model_of(joint), begin, np.arange(3), MASK, burn_in=10, every=2)
    counts = np.zeros((3,) * LENGTH)
    for texts in islice(samples, 8):
        assert texts.shape == (chains, LENGTH)
        np.add.at(counts, tuple(texts.T), 1)
    draws = counts.sum()
    common = joint * draws >= 5
    assert common.sum() > 15
    chi_square = ((counts - draws * joint)[common] ** 2 / (draws * joint)[common]).sum()
    assert chi_square < 70  # 26 degrees of freedom at most; samples of a chain resemble each other


def test_gibbs_sampling_changes_only_its_positions_and_repeats_with_its_seed(joint):
    begin = np.array([[0, 1, 2], [2, 2, 2]])
    first, again, other = (
        [*islice(gibbs_samples(model_of(joint), begin, np.array([0, 2]), MASK, seed=seed), 30)]
        for seed in (1, 1, 2)
    )
    assert (np.array(first)[:, :, 1] == [1, 2]).all()
    assert (np.array(first) == np.array(again)).all()
    assert (np.array(first) != np.array(other)).any()
    choices = {tuple(texts[0][[0, 2]]) for texts in first}
    assert len(choices) > 3
    assert choices <= set(product(range(3), repeat=2))


def test_a_chain_does_not_depend_on_the_others_and_starts_with_its_masks(joint):
    begin = np.full((3, LENGTH), MASK)
    three = next(gibbs_samples(model_of(joint), begin, np.arange(3), MASK, seed=4))
    one = next(gibbs_samples(model_of(joint), begin[:1], np.arange(3), MASK, seed=4))
    assert three[0].tolist() == one[0].tolist()
    assert (three != MASK).all()


def test_a_step_of_zero_is_refused(joint):
    with pytest.raises(OptionError, match="every 0"):
        next(gibbs_samples(model_of(joint), np.array([[0, 1, 2]]), np.arange(3), MASK, every=0))
