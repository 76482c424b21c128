import itertools

import numpy as np
import pytest

from hornbook.recipes.captcha.readings import (
    Readings,
    ctc_log_probabilities,
    fit_temperature,
    log_softmax,
    read,
)


def collapsed(path):
    """The string of a CTC path: repeats merged, blanks removed."""
    return tuple(one for one, _ in itertools.groupby(path) if one)


@pytest.fixture
def columns():
    return log_softmax(np.random.default_rng(0).normal(size=(2, 5, 3)))


def test_ctc_sums_over_every_path_of_a_string(columns):
    strings = [(1, 2), (1, 1), (2, 0), (0, 0), (2, 1)]
    candidates = np.array([strings, strings])
    probabilities = np.exp(ctc_log_probabilities(columns, candidates))
    for row in range(2):
        for number, string in enumerate(strings):
            expected = tuple(one for one in string if one)
            total = sum(
                np.exp(sum(columns[row, t, one] for t, one in enumerate(path)))
                for path in itertools.product(range(3), repeat=5)
                if collapsed(path) == expected
            )
            assert probabilities[row, number] == pytest.approx(total, rel=1e-6)


def test_the_probabilities_of_both_heads_are_multiplied():
    logits = np.zeros((1, 1 + 5, 3))
    logits[0, 0] = [0, 2.0, 1.9]  # the slot is uncertain
    logits[0, 1:, 0] = 3
    logits[0, 3] = [0, 0, 9]  # the columns are not
    strings, whole, each = read(logits, 1).best()
    assert strings.tolist() == [[2]]
    assert whole[0] > 0.9
    assert each[0, 0] == pytest.approx(whole[0])


def test_probabilities_sum_to_1_and_no_candidate_counts_twice():
    logits = np.random.default_rng(1).normal(size=(4, 3 + 9, 6))
    readings = read(logits, 3)
    np.testing.assert_allclose(readings.probabilities.sum(axis=1), 1)
    for strings, probabilities in zip(readings.candidates, readings.probabilities, strict=True):
        likely = [tuple(s) for s, p in zip(strings.tolist(), probabilities, strict=True) if p > 0]
        assert len(likely) == len(set(likely))
        assert all(0 not in s[: len([x for x in s if x])] for s in likely)  # no gap in a string


def test_slots_alone_give_their_most_probable_string():
    logits = np.random.default_rng(2).normal(size=(5, 4, 7))
    logits[:, :, 0] = -9
    assert read(logits, 4).best()[0].tolist() == logits.argmax(axis=2).tolist()


def test_a_temperature_lowers_the_confidence_and_changes_no_answer():
    logits = 6 * np.random.default_rng(3).normal(size=(50, 3 + 9, 6))
    logits[:, :3, 0] = -50
    confident = read(logits, 3)
    labels = confident.best()[0].copy()
    assert fit_temperature(logits, 3, labels) == 1
    labels[::2, 0] = labels[::2, 0] % 5 + 1  # half of them are wrong
    temperature = fit_temperature(logits, 3, labels)
    assert temperature > 2
    calibrated = read(logits, 3, temperature)
    assert calibrated.best()[0].tolist() == confident.best()[0].tolist()
    assert calibrated.best()[1].mean() < confident.best()[1].mean()


def test_of_gives_the_probability_of_a_label_or_0():
    readings = Readings(np.array([[[1, 2], [2, 2]]]), np.array([[0.75, 0.25]]))
    assert readings.of(np.array([[2, 2]])).tolist() == [0.25]
    assert readings.of(np.array([[3, 3]])).tolist() == [0]
    assert readings.best()[2].tolist() == [[0.75, 1.0]]
