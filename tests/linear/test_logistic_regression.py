from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from hornbook.linear import logistic_regression as module
from hornbook.linear.logistic_regression import (
    best_strength,
    fit_logistic_regression,
    log_loss,
)


def problem(classes: int, rows: int = 90, columns: int = 20, noise: float = 0.3):
    random = np.random.default_rng(0)
    features = csr_matrix(random.random((rows, columns)) * (random.random((rows, columns)) < 0.3))
    logits = features @ random.normal(size=(columns, classes))
    numbers = (logits + noise * random.normal(size=logits.shape)).argmax(axis=1)
    return features.astype("float32"), numbers


@pytest.mark.parametrize("few_rows", [0, 1000])
@pytest.mark.parametrize("columns", [20, 200])
def test_the_weights_are_those_of_scikit_learn(monkeypatch, columns, few_rows):
    monkeypatch.setattr(module, "FEW_ROWS", few_rows)
    linear = pytest.importorskip("sklearn.linear_model")
    features, numbers = problem(4, columns=columns)
    expected = linear.LogisticRegression(C=3.0, tol=1e-8, max_iter=5000).fit(features, numbers)
    regression = fit_logistic_regression(
        features, np.eye(4)[numbers], 3.0, exclusive=True, flat=1e-7
    )
    np.testing.assert_allclose(regression.weights, expected.coef_.T, atol=2e-3)
    ours, theirs = regression.logits(features), expected.decision_function(features)
    ours, theirs = (x - x.mean(axis=1, keepdims=True) for x in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, atol=5e-3)


def test_outputs_that_are_not_exclusive_are_fitted_independently():
    linear = pytest.importorskip("sklearn.linear_model")
    features, numbers = problem(3)
    targets = np.eye(3)[numbers]
    regression = fit_logistic_regression(features, targets, 10.0, flat=1e-7)
    for output in range(3):
        expected = linear.LogisticRegression(C=10.0, tol=1e-8, max_iter=5000)
        expected.fit(features, targets[:, output])
        np.testing.assert_allclose(regression.weights[:, output], expected.coef_[0], atol=5e-3)


def test_regularization_shrinks_the_weights():
    def chosen(columns, noise):
        features, numbers = problem(2, rows=1600, columns=columns, noise=noise)
        held_out = np.arange(1600) % 4 == 0
        return best_strength(features, np.eye(2)[numbers], held_out, exclusive=True)[0]

    assert chosen(columns=8, noise=0.01) == 100.0
    assert chosen(columns=60, noise=10.0) == 1.0


def test_losses_are_exact_where_logits_are_large():
    logits = np.array([[1000.0, 0.0]], "float32")
    for exclusive in (False, True):
        assert log_loss(logits, np.array([[1.0, 0.0]]), exclusive=exclusive) < 1
        assert log_loss(logits, np.array([[0.0, 1.0]]), exclusive=exclusive) > 900


def test_rows_without_features_get_the_shares_of_the_classes():
    features = csr_matrix((4, 3), dtype="float32")
    regression = fit_logistic_regression(features, np.eye(2)[[0, 0, 0, 1]], 1.0, exclusive=True)
    logits = regression.logits(features)
    assert logits[0, 0] - logits[0, 1] == pytest.approx(np.log(3), abs=1e-5)
    regression = fit_logistic_regression(features, np.eye(2)[[0, 0, 0, 1]], 1.0)
    np.testing.assert_allclose(regression.bias, [np.log(3), -np.log(3)], atol=1e-5)
