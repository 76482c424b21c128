"""The loss of answers against a loop over all answers in double precision."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from hornbook.layers import answer_crossentropy
from hornbook.layers.tagging.masked_scores import MASKED

pytestmark = pytest.mark.backend

LONGEST = 3
RANDOM = np.random.default_rng(0)
SCORES = RANDOM.normal(size=(4, 7, 2)).astype("float32") * 3
LENGTHS = [7, 5, 7, 2]
for row, length in zip(SCORES, LENGTHS, strict=True):
    row[length:] = MASKED
RIGHT = [[(1, 1), (4, 6)], [(0, 0)], [], [(1, 1)]]  # first and last token of each right answer
LABELS = np.zeros((4, 7, LONGEST), bool)
for row, spans in zip(LABELS, RIGHT, strict=True):
    for first, last in spans:
        row[first, last - first] = True


def reference(scores):
    losses = []
    for row, length, right in zip(scores.astype("float64"), LENGTHS, RIGHT, strict=True):
        answers = [(0, 0)]
        answers += [(i, j) for i in range(1, length) for j in range(i, min(i + LONGEST, length))]
        odds = {(i, j): np.exp(row[i, 0] + row[j, 1]) for i, j in answers}
        share = sum(odds[span] for span in right) / sum(odds.values())
        losses.append(-np.log(share) if right else 0.0)
    return np.array(losses)


def test_it_is_the_negative_logarithm_of_the_share_of_right_answers(compute):
    np.testing.assert_allclose(
        compute(answer_crossentropy, LABELS, SCORES), reference(SCORES), rtol=1e-5, atol=1e-6
    )


def test_gradients_are_those_of_finite_differences(gradients):
    (gradient,) = gradients(lambda s: answer_crossentropy(LABELS, s), SCORES)
    direction = RANDOM.normal(size=SCORES.shape)
    direction[SCORES == MASKED] = 0
    scores = SCORES.astype("float64")
    sides = [reference(scores + step * direction).sum() for step in (1e-5, -1e-5)]
    assert (gradient * direction).sum() == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-3)
    assert (gradient[2] == 0).all()  # a row without a label
    assert (gradient[SCORES == MASKED] == 0).all()


def test_gradients_are_finite_at_any_score(gradients):
    wild = SCORES * np.array([1e3, 1e6, 1, 0], "float32")[:, None, None]
    (gradient,) = gradients(lambda s: answer_crossentropy(LABELS, s), wild)
    assert np.isfinite(gradient).all()


def test_a_label_of_what_is_no_answer_does_not_count(compute):
    labels = LABELS.copy()
    labels[1, 6, 0] = labels[3, 1, 2] = labels[0, 0, 1] = True  # padding, beyond the end, from 0
    np.testing.assert_array_equal(
        compute(answer_crossentropy, labels, SCORES), compute(answer_crossentropy, LABELS, SCORES)
    )


def test_a_model_can_be_compiled_and_saved_with_it(tmp_path):
    inputs = keras.Input((7, 2))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    model.compile("sgd", answer_crossentropy)
    model.save(tmp_path / "a.keras")
    assert keras.saving.load_model(tmp_path / "a.keras").loss is answer_crossentropy
