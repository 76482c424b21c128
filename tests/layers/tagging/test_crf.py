"""The CRF against all tag sequences of short texts, in NumPy."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.layers import CRF
from hornbook.layers.tagging.chain import log_normalizer, path_score

pytestmark = pytest.mark.backend

TAGS = 3
MASKS = np.array(
    [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], bool
)
RANDOM = np.random.default_rng(0)
EMISSIONS = RANDOM.normal(size=(5, 5, TAGS)).astype("float32")
LABELS = RANDOM.integers(TAGS, size=(5, 5))
CHOICE = RANDOM.random((5, 5, TAGS)) < 0.6
CHOICE[:, :, 0] |= ~CHOICE.any(-1)
TRANSITIONS = RANDOM.normal(size=(TAGS, TAGS)).astype("float32")
START, END = RANDOM.normal(size=(2, TAGS)).astype("float32")
ALLOWED = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]], bool)


def build(crf, transitions=TRANSITIONS, start=START, end=END):
    crf.build((None, None, TAGS))
    crf.stored_transitions.assign(transitions / crf.transition_multiplier)
    crf.stored_start.assign(start / crf.transition_multiplier)
    crf.stored_end.assign(end / crf.transition_multiplier)
    return crf


def paths(mask):
    return list(itertools.product(range(TAGS), repeat=mask.sum()))


def scores(emissions, mask, transitions=TRANSITIONS, start=START, end=END):
    """The score of every sequence in `paths(mask)`, in double precision."""
    emissions = emissions[mask].astype("float64")
    return np.array(
        [
            float(start[tags[0]] + end[tags[-1]])
            + sum(transitions[pair] for pair in itertools.pairwise(tags))
            + emissions[range(len(tags)), tags].sum()
            for tags in paths(mask)
        ]
    )


def log_sum(x):
    return np.log(np.exp(x - x.max()).sum()) + x.max()


class Answers(keras.Model):
    """All that a CRF answers, in one compiled call."""

    def __init__(self, crf):
        super().__init__()
        self.crf = crf

    def call(self, inputs):
        emissions = self.crf(inputs["emissions"], inputs["mask"])  # which say where the tokens are
        return {
            "log_partition": self.crf.log_partition(emissions, allowed=inputs["allowed"]),
            "loss": self.crf.loss(inputs["labels"], emissions),
            "marginals": self.crf.marginals(emissions),
            "tags": self.crf.decode(emissions),
        }


@pytest.fixture(scope="module")
def answers():
    """Of the texts with every tag allowed, and again with those of `CHOICE`."""
    inputs = {"emissions": EMISSIONS, "mask": MASKS, "labels": LABELS, "allowed": CHOICE | True}
    again = {**inputs, "allowed": CHOICE}
    model = Answers(build(CRF(TAGS)))
    return model.predict_on_batch(
        {name: np.concatenate([inputs[name], again[name]]) for name in inputs}
    )


WITH_TOKENS = [text for text, mask in enumerate(MASKS) if mask.any()]


@pytest.mark.parametrize("text", WITH_TOKENS)
def test_it_computes_what_a_sum_over_all_tags_does(answers, text):
    mask = MASKS[text]
    all_scores = scores(EMISSIONS[text], mask)
    total = log_sum(all_scores)
    assert answers["log_partition"][text] == pytest.approx(total, abs=1e-5)
    chosen = [CHOICE[text][mask][range(len(tags)), tags].all() for tags in paths(mask)]
    of_choice = answers["log_partition"][text + len(MASKS)]
    assert of_choice == pytest.approx(log_sum(all_scores[chosen]), abs=1e-5)
    label = paths(mask).index(tuple(LABELS[text][mask]))
    assert answers["loss"][text] == pytest.approx(total - all_scores[label], abs=1e-5)
    probabilities = np.exp(all_scores - total)
    marginals = np.zeros((mask.sum(), TAGS))
    for tags, probability in zip(paths(mask), probabilities, strict=True):
        marginals[range(len(tags)), tags] += probability
    np.testing.assert_allclose(answers["marginals"][text][mask], marginals, atol=1e-5)
    assert tuple(answers["tags"][text][mask]) == paths(mask)[all_scores.argmax()]


def test_where_there_is_no_token_all_answers_are_0(answers):
    for name in ("log_partition", "loss"):
        assert answers[name][len(MASKS) - 1] == 0
    assert (answers["marginals"][: len(MASKS)][~MASKS] == 0).all()
    assert (answers["tags"][: len(MASKS)][~MASKS] == 0).all()


def test_numpy_decodes_what_the_backend_does(answers):
    crf = build(CRF(TAGS))
    np.testing.assert_array_equal(crf.decode(EMISSIONS, MASKS), answers["tags"][: len(MASKS)])
    passed_on = ops.convert_to_numpy(crf(EMISSIONS, MASKS))
    np.testing.assert_array_equal(passed_on[MASKS], EMISSIONS[MASKS])
    np.testing.assert_array_equal(crf.decode(passed_on), answers["tags"][: len(MASKS)])


def test_gradients_are_those_of_finite_differences(gradients):
    def loss(*arrays):
        emissions = ops.where(ops.convert_to_tensor(MASKS)[:, :, None], arrays[0], 0.0)
        labels = ops.convert_to_tensor(np.where(MASKS, LABELS, 0).astype("int32"))
        real = ops.convert_to_tensor(MASKS)
        return log_normalizer(emissions, real, *arrays[1:]) - path_score(
            emissions, labels, real, *arrays[1:]
        )

    def reference(emissions, *weights):
        total = 0.0
        for text in WITH_TOKENS:
            all_scores = scores(emissions[text], MASKS[text], *weights)
            label = paths(MASKS[text]).index(tuple(LABELS[text][MASKS[text]]))
            total += log_sum(all_scores) - all_scores[label]
        return total

    arrays = [EMISSIONS, TRANSITIONS, START, END]
    for number, gradient in enumerate(gradients(loss, *arrays)):
        assert np.isfinite(gradient).all()
        direction = np.random.default_rng(number).normal(size=gradient.shape)
        sides = []
        for step in (1e-3, -1e-3):
            moved = list(arrays)
            moved[number] = arrays[number] + step * direction
            sides.append(reference(*moved))
        slope = (sides[0] - sides[1]) / 2e-3
        assert (gradient * direction).sum() == pytest.approx(slope, rel=1e-3)


def test_illegal_tags_are_neither_decoded_nor_worth_anything():
    boundaries = {"allowed_start": [True, False, True], "allowed_end": [True, True, False]}
    crf = build(CRF(TAGS, allowed=ALLOWED, **boundaries))
    tags = crf.decode(EMISSIONS * 5)
    assert ALLOWED[tags[:, :-1], tags[:, 1:]].all()
    assert {*tags[:, 0]} <= {0, 2}
    assert {*tags[:, -1]} <= {0, 1}
    mask = np.ones(5, bool)
    legal = [
        tags[0] != 1 and tags[-1] != 2 and all(ALLOWED[pair] for pair in itertools.pairwise(tags))
        for tags in paths(mask)
    ]
    total = ops.convert_to_numpy(crf.log_partition(EMISSIONS))[0]
    assert total == pytest.approx(log_sum(scores(EMISSIONS[0], mask)[legal]), abs=1e-4)
    loss = ops.convert_to_numpy(crf.loss(np.array([[1, 1, 0, 2, 2]] * 5), EMISSIONS))
    np.testing.assert_allclose(loss, 4e4, rtol=0.01)  # two transitions, start and end


def test_no_loss_is_negative_or_not_finite():
    crf = CRF(TAGS, allowed=ALLOWED)
    emissions = EMISSIONS * np.array([1e-3, 0.1, 10, 1e3, 1e4], "float32")[:, None, None]
    for labels in (LABELS, crf.decode(emissions)):  # the latter cost nearly nothing
        loss = ops.convert_to_numpy(crf.loss(np.where(MASKS, labels, -1), emissions))
        assert np.isfinite(loss).all()
        assert (loss >= 0).all()


def test_a_negative_label_is_no_token():
    crf = build(CRF(TAGS))
    ignored = np.where(MASKS, LABELS, -100)
    losses = (crf.loss(ignored, EMISSIONS), crf.loss(LABELS, EMISSIONS, MASKS))
    np.testing.assert_array_equal(*map(ops.convert_to_numpy, losses))


def test_a_new_crf_is_a_softmax_for_each_token():
    loss = ops.convert_to_numpy(CRF(TAGS).loss(LABELS, EMISSIONS))
    log_probabilities = EMISSIONS - np.log(np.exp(EMISSIONS).sum(-1, keepdims=True))
    expected = -np.take_along_axis(log_probabilities, LABELS[..., None], -1).sum((1, 2))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_the_multiplier_changes_the_step_and_not_the_start():
    steps = []
    for multiplier in (1.0, 100.0):
        crf = CRF(TAGS, transition_multiplier=multiplier, transition_initializer="ones")
        before = ops.convert_to_numpy(crf.scores()[0])
        np.testing.assert_allclose(before, 1.0, rtol=1e-6)
        optimizer = keras.optimizers.Adam(1e-3)
        optimizer.build([crf.stored_transitions])
        optimizer.apply([ops.ones((TAGS, TAGS))])
        steps.append((before - ops.convert_to_numpy(crf.scores()[0])).mean())
    assert steps[1] == pytest.approx(100 * steps[0], rel=1e-3)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_computes_in_full_precision(dtype):
    crf, exact = build(CRF(TAGS, dtype=dtype)), build(CRF(TAGS))
    y = crf(300 * EMISSIONS, MASKS)
    assert "float32" in str(y.dtype)
    losses = [ops.convert_to_numpy(each.loss(LABELS, y)) for each in (crf, exact)]
    assert np.isfinite(losses).all()
    np.testing.assert_array_equal(*losses)


def test_what_cannot_be_is_a_programmers_mistake():
    with pytest.raises(ValueError, match="3 tags and got emissions of 4"):
        CRF(3)(np.zeros((1, 2, 4)))
    with pytest.raises(ValueError, match=r"allowed has the shape \(2,\), expected \(3, 3\)"):
        CRF(3, allowed=[True, False])
    with pytest.raises(ValueError, match="allowed_end allows nothing"):
        CRF(2, allowed_end=[False, False])
    with pytest.raises(ValueError, match="transition_multiplier is 0, expected above 0"):
        CRF(2, transition_multiplier=0)


def test_losses_are_those_of_bert4keras(compute, numbers, bert4keras):
    crf = build(CRF(TAGS), numbers(1, 3, 3), np.zeros(3, "float32"), np.zeros(3, "float32"))
    labels = np.random.RandomState(2).randint(3, size=(2, 6))
    mask = np.arange(6) < np.array([[6], [4]])
    losses = compute(crf.loss, labels, numbers(0, 2, 6, 3), mask)
    np.testing.assert_allclose(losses, bert4keras["crf_loss"], rtol=1e-5)


def test_answers_are_those_of_pytorch_crf():
    torchcrf = pytest.importorskip("torchcrf")  # first: it is installed only where torch is
    import torch

    other = torchcrf.CRF(TAGS, batch_first=True)
    with torch.no_grad():
        other.transitions.copy_(torch.tensor(TRANSITIONS))
        other.start_transitions.copy_(torch.tensor(START))
        other.end_transitions.copy_(torch.tensor(END))
        mask = torch.tensor(MASKS[:2])  # which must begin with a token and have no holes
        inputs = torch.tensor(EMISSIONS[:2]), torch.tensor(LABELS[:2]), mask
        expected = -other(*inputs, reduction="none").numpy()
        tags = other.decode(inputs[0], mask)
    crf = build(CRF(TAGS))
    losses = ops.convert_to_numpy(crf.loss(LABELS[:2], EMISSIONS[:2], MASKS[:2]))
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    decoded = crf.decode(EMISSIONS[:2], MASKS[:2])
    assert [list(text[mask]) for text, mask in zip(decoded, MASKS, strict=False)] == tags
