from __future__ import annotations

import numpy as np
import pytest

from hornbook.errors import CheckpointError
from hornbook.linear import ngram_classifier as module
from hornbook.linear.ngram_classifier import NgramClassifier, NgramTraining

WORDS = {"warm": ["sun", "fire", "tea"], "cold": ["ice", "snow", "frost"], "wet": ["rain", "sea"]}


def texts(count: int = 60, classes: int = 3):
    random = np.random.default_rng(0)
    truth = np.arange(count) % classes
    return [
        " ".join(
            [*random.choice(["and", "or", "the"], 3), random.choice(list(WORDS.values())[one])]
        )
        for one in truth
    ], truth


@pytest.mark.parametrize("classes", [2, 3])
def test_it_classifies_texts_that_it_was_not_fitted_to(classes):
    learned, truth = texts(classes=classes)
    classifier, unseen = NgramTraining(learned, truth, classes).best()
    assert unseen.shape == (60, classes)
    assert (classifier.logits(learned, classes).argmax(axis=1) == truth).all()
    assert (unseen.argmax(axis=1) == truth).mean() > 0.9


def test_random_labels_are_not_predicted_out_of_fold():
    random = np.random.default_rng(1)
    learned, truth = [f"w{number} and" for number in range(200)], random.integers(0, 2, 200)
    _, unseen = NgramTraining(learned, truth, 2).best()
    assert abs((unseen.argmax(axis=1) == truth).mean() - 0.5) < 0.15


def test_several_labels_per_text():
    truth = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0]] * 10, "float32")
    names = list(WORDS)
    learned = [" ".join(["and", *(names[one] for one in np.flatnonzero(row))]) for row in truth]
    classifier, unseen = NgramTraining(learned, truth, 3).best()
    np.testing.assert_array_equal(classifier.logits(learned, 3) > 0, truth == 1)
    np.testing.assert_array_equal(unseen > 0, truth == 1)


def test_only_a_part_of_very_many_texts_is_used(monkeypatch):
    monkeypatch.setattr(module, "MOST_TEXTS", 30)
    learned, truth = texts()
    classifier, unseen = NgramTraining(learned, truth, 3).best()
    assert (unseen.argmax(axis=1) == truth).mean() > 0.8
    others = np.random.default_rng(0).permutation(60)[30:]
    again = classifier.logits([learned[number] for number in others], 3)
    np.testing.assert_allclose(unseen[others], again, atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_few_texts_are_enough(count):
    learned, truth = texts(count, classes=2)
    classifier, unseen = NgramTraining(learned, truth, 2).best()
    assert np.isfinite(unseen).all()
    assert (classifier.logits(learned, 2).argmax(axis=1) == truth).all()


def test_saving_and_loading_changes_no_logit(tmp_path):
    learned, truth = texts()
    learned = [f"{text} 物流很快" for text in learned]
    classifier, _ = NgramTraining(learned, truth, 3).best()
    classifier.save(tmp_path)
    loaded = NgramClassifier.load(tmp_path)
    np.testing.assert_array_equal(loaded.logits(learned, 3), classifier.logits(learned, 3))
    assert loaded.strength == classifier.strength


def test_missing_or_inconsistent_files_are_an_error(tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read"):
        NgramClassifier.load(tmp_path)
    classifier, _ = NgramTraining(*texts(), 3).best()
    short = module.LogisticRegression(classifier.regression.weights[:-1], np.zeros(3, "float32"))
    NgramClassifier(classifier.tf_idf, short, 1.0).save(tmp_path)
    with pytest.raises(CheckpointError, match="do not fit together"):
        NgramClassifier.load(tmp_path)
    (tmp_path / module.ARRAYS).write_bytes(b"\xff" * 20)
    with pytest.raises(CheckpointError, match="cannot be read"):
        NgramClassifier.load(tmp_path)


def test_an_ngram_that_is_more_frequent_in_one_class_weighs_more():
    training = NgramTraining(["good and", "bad and"] * 10, np.array([1, 0] * 10), 2)
    classifier, _ = training.best()
    plain, weighted = training.plain().tf_idf, classifier.tf_idf
    ratios = weighted.idf / plain.idf
    words = [plain.units[key - 1] for key in plain.keys[0]]
    assert {word: ratio > 1 for word, ratio in zip(words, ratios, strict=False)} == {
        "good": True,
        "bad": True,
        "and": False,
    }


def test_plain_tf_idf_is_that_of_scikit_learn():
    linear = pytest.importorskip("sklearn.linear_model")
    learned, truth = texts(150)
    plain = NgramTraining(learned, truth, 3).plain()
    reference = linear.LogisticRegression(C=plain.strength, max_iter=1000)
    features = plain.tf_idf.transform(learned)
    expected = reference.fit(features, truth).predict_proba(features)
    powers = np.exp(plain.logits(learned, 3))
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), expected, atol=0.05)
