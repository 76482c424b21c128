import keras
import numpy as np
import pytest

from hornbook.models.functional_weights import read_functional, write_functional
from hornbook.models.vision.captcha_reader import ReadingLoss, captcha_reader
from hornbook.recipes.captcha.readings import ctc_log_probabilities, log_softmax

pytestmark = pytest.mark.backend


def test_the_logits_have_a_row_per_slot_and_per_column():
    model = captcha_reader((160, 64), 36, 4)
    assert model.output.shape == (None, 4 + 20, 37)
    assert 4 * model.count_params() < 1_000_000  # bytes


def test_with_too_few_columns_for_ctc_there_are_only_slots():
    assert captcha_reader((40, 16), 10, 4).output.shape == (None, 4, 11)
    assert captcha_reader((24, 32), 10, 4).output.shape == (None, 4, 11)  # fewer columns than slots


def test_the_loss_is_the_mean_over_both_heads():
    random = np.random.default_rng(0)
    logits = random.normal(size=(3, 2 + 6, 5)).astype("float32")
    labels = np.array([[1, 2], [3, 3], [4, 0]], "int32")
    loss = ReadingLoss(2)
    losses = keras.ops.convert_to_numpy(loss.call(labels, keras.ops.convert_to_tensor(logits)))
    log_probabilities = log_softmax(logits.astype("float64"))
    slots = [log_probabilities[n, [0, 1], labels[n]].mean() for n in range(3)]
    columns = ctc_log_probabilities(log_probabilities[:, 2:], labels[:, None])[:, 0] / 2
    np.testing.assert_allclose(losses, -(np.array(slots) + columns) / 2, rtol=1e-4)


def test_a_row_with_weight_zero_has_no_influence():
    random = np.random.default_rng(0)
    logits = random.normal(size=(3, 2 + 6, 5)).astype("float32")
    labels = np.array([[1, 2], [3, 3], [4, 1]], "int32")
    loss = ReadingLoss(2, label_smoothing=0.1)
    weighted = float(loss(labels, logits, sample_weight=np.array([1, 1, 0], "float32")))
    assert weighted == pytest.approx(float(loss(labels[:2], logits[:2])), rel=1e-5)


def test_weights_are_read_back_unchanged(tmp_path):
    model, other = (captcha_reader((40, 16), 3, 2) for _ in range(2))
    images = np.random.default_rng(0).uniform(0, 255, (2, 16, 40, 3)).astype("float32")
    expected = model.predict_on_batch(images)
    assert np.abs(other.predict_on_batch(images) - expected).max() > 1e-3
    write_functional(tmp_path, model)
    read_functional(tmp_path, other)
    np.testing.assert_allclose(other.predict_on_batch(images), expected, atol=1e-5)
