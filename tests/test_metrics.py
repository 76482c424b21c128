import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook import metrics

reference = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")
calibration = pytest.importorskip("sklearn.calibration", reason="scikit-learn is not installed")


@st.composite
def scored(draw, both=False, dtype=np.float64):
    """Labels and probabilities with many equal values, as rounded outputs have."""
    size = draw(st.integers(2 if both else 1, 40))
    labels = draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))
    if both:
        labels[:2] = [0, 1]
    coarse = st.integers(0, 8).map(lambda k: k / 8)
    fine = st.floats(0, 1, width=32)
    scores = draw(st.lists(st.one_of(coarse, fine), min_size=size, max_size=size))
    return np.array(labels), np.array(scores, dtype=dtype)


@st.composite
def classified(draw, classes=4):
    size = draw(st.integers(1, 40))
    numbers = st.lists(st.integers(0, classes - 1), min_size=size, max_size=size)
    return np.array(draw(numbers)), np.array(draw(numbers))


@given(classified())
def test_accuracy_equals_scikit_learn(data):
    assert metrics.accuracy(*data) == pytest.approx(reference.accuracy_score(*data))


@given(classified())
def test_the_confusion_matrix_equals_scikit_learn(data):
    whole = reference.confusion_matrix(*data, labels=[0, 1, 2, 3])
    classes = np.unique(np.concatenate(data))
    np.testing.assert_array_equal(metrics.confusion_matrix(*data), whole[np.ix_(classes, classes)])
    np.testing.assert_array_equal(
        metrics.confusion_matrix(*data, classes=[3, 1, 0, 2]),
        reference.confusion_matrix(*data, labels=[3, 1, 0, 2]),
    )


@given(classified(classes=2), classified())
def test_precision_recall_f1_equal_scikit_learn(binary, many):
    for data, average in ((binary, "binary"), (many, "macro")):
        expected = reference.precision_recall_fscore_support(
            *data, average=average, zero_division=0
        )
        assert metrics.precision_recall_f1(*data, average=average) == pytest.approx(expected[:3])


@given(scored(both=True))
def test_the_area_under_the_roc_curve_equals_scikit_learns(data):
    assert metrics.roc_auc(*data) == pytest.approx(reference.roc_auc_score(*data))


@given(scored(), st.sampled_from([np.float32, np.float64]))
def test_log_loss_equals_scikit_learn(data, dtype):
    labels, probabilities = data[0], data[1].astype(dtype)
    expected = reference.log_loss(labels, probabilities, labels=[0, 1])
    assert metrics.log_loss(labels, probabilities) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@given(st.integers(1, 20), st.integers(0, 1000))
def test_log_loss_of_many_classes_equals_scikit_learn(size, seed):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([0.3, 1.0, 2.0], size)
    labels = random.integers(0, 3, size)
    expected = reference.log_loss(labels, probabilities, labels=[0, 1, 2])
    assert metrics.log_loss(labels, probabilities) == pytest.approx(expected, rel=1e-9)


@given(scored(), st.sampled_from([np.float16, np.float32, np.float64]))
def test_no_threshold_has_a_higher_f1_than_the_best(data, dtype):
    labels, probabilities = data[0], data[1].astype(dtype)
    threshold, f1 = metrics.best_f1_threshold(labels, probabilities)

    def f1_at(cut):
        chosen = probabilities >= dtype(cut)
        return 2 * sum(labels[chosen]) / max(sum(labels) + sum(chosen), 1)

    expected = reference.f1_score(labels, probabilities >= dtype(threshold), zero_division=0)
    assert f1 == pytest.approx(expected)
    assert f1 == pytest.approx(max(f1_at(cut) for cut in [*probabilities, 0.5, 2.0]))


def test_the_best_threshold_is_midway_and_ties_go_to_the_highest():
    assert metrics.best_f1_threshold([0, 0, 1, 1], [0.1, 0.25, 0.75, 0.9]) == (0.5, 1.0)
    # one of one found (P 1, R 1/2) or everything called 1 (P 1/2, R 1): both F1 2/3
    assert metrics.best_f1_threshold([1, 0, 0, 1], [0.8, 0.6, 0.5, 0.2]) == (
        pytest.approx(0.7),
        pytest.approx(2 / 3),
    )
    assert metrics.best_f1_threshold([1, 1], [0.3, 0.6]) == (0.3, 1.0)


def test_the_best_threshold_separates_neighboring_floats():
    for dtype in (np.float16, np.float32, np.float64):
        low = dtype(0.7)
        high = np.nextafter(low, dtype(1))
        threshold, f1 = metrics.best_f1_threshold([0, 1], np.array([low, high]))
        assert f1 == 1.0
        assert (np.array([low, high]) >= dtype(threshold)).tolist() == [False, True]


@given(scored(), st.integers(1, 12))
def test_the_calibration_curve_equals_scikit_learn(data, bins):
    observed, predicted = calibration.calibration_curve(*data, n_bins=bins)
    ours = metrics.calibration_curve(*data, bins=bins)
    np.testing.assert_allclose(ours[0], predicted)
    np.testing.assert_allclose(ours[1], observed)
    assert ours[2].sum() == len(data[0])


def test_the_calibration_error_is_the_distance_weighted_by_count():
    labels = [1, 1, 1, 0, 0]
    probabilities = [0.9, 0.9, 0.9, 0.9, 0.2]  # 4 of 5 promised 0.9, 0.75 happened
    error = metrics.expected_calibration_error(labels, probabilities)
    assert error == pytest.approx(0.8 * 0.15 + 0.2 * 0.2)
    assert metrics.expected_calibration_error([0, 1], [0.0, 1.0]) == 0


def test_a_single_class_has_defined_metrics():
    assert metrics.roc_auc([1, 1], [0.2, 0.7]) == 0.5
    assert metrics.best_f1_threshold([0, 0], [0.2, 0.7]) == (0.5, 0.0)
    assert metrics.precision_recall_f1([0, 0], [0, 0]) == (0.0, 0.0, 0.0)
    assert metrics.log_loss([1], [1.0]) == pytest.approx(0, abs=1e-12)


FUNCTIONS = [
    metrics.accuracy,
    metrics.precision_recall_f1,
    metrics.confusion_matrix,
    metrics.roc_auc,
    metrics.log_loss,
    metrics.best_f1_threshold,
    metrics.calibration_curve,
    metrics.expected_calibration_error,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_empty_or_unequal_input_is_a_value_error(function):
    for labels, values in (([], []), ([0, 1], [1]), ([[0], [1]], [[0], [1]])):
        with pytest.raises(ValueError, match=r"samples|labels"):
            function(labels, values)


@pytest.mark.parametrize("function", [metrics.roc_auc, metrics.best_f1_threshold, metrics.log_loss])
def test_invalid_values_are_value_errors(function):
    with pytest.raises(ValueError, match="finite"):
        function([0, 1], [0.5, np.nan])
    with pytest.raises(ValueError, match="0 or 1"):
        function([0, 2], [0.5, 0.5])


def test_probabilities_outside_zero_to_one_are_refused():
    for function in (metrics.log_loss, metrics.calibration_curve):
        with pytest.raises(ValueError, match="between 0 and 1"):
            function([0, 1], [0.5, 1.5])
    with pytest.raises(ValueError, match=r"not among the classes: \[2\]"):
        metrics.confusion_matrix([0, 2], [0, 0], classes=[0, 1])


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_without_a_column_of_probabilities_are_refused(label):
    with pytest.raises(ValueError, match="labels must be 0 to 2"):
        metrics.log_loss([0, label], np.full((2, 3), 1 / 3))


def test_top_k_accuracy_equals_scikit_learn():
    from sklearn.metrics import top_k_accuracy_score

    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 7, 50), random.normal(size=(50, 7))
    for k in (1, 3, 6):
        expected = top_k_accuracy_score(labels, scores, k=k, labels=range(7))
        assert metrics.top_k_accuracy(labels, scores, k) == pytest.approx(expected)
    assert (
        metrics.top_k_accuracy(labels, scores, 7) == metrics.top_k_accuracy(labels, scores, 9) == 1
    )
    for labels, scores, k in (([0], [[1.0]], 0), ([], [], 1), ([0], [[np.nan, 1]], 1)):
        with pytest.raises(ValueError, match=r"k must|do not fit|finite"):
            metrics.top_k_accuracy(labels, scores, k)


def test_what_is_found_in_texts_is_counted_by_kind():
    labels = [{("a", 1), ("b", 2)}, {("a", 3)}, set()]
    predictions = [{("a", 1), ("a", 2)}, {("b", 3)}, {("a", 5)}]
    figures = metrics.precision_recall_f1_of_sets(
        labels, predictions, lambda one: one[0], ["a", "c"]
    )
    assert figures == {
        "precision": {"a": 1 / 3, "c": 0.0},
        "recall": {"a": 1 / 2, "c": 0.0},
        "f1": {"a": 2 / 5, "c": 0.0},
        "labels": {"a": 2, "c": 0},
        "micro_precision": 1 / 4,
        "micro_recall": 1 / 3,
        "micro_f1": 2 / 7,
    }
