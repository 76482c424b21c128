from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hornbook.data.texts.pairs import Pair
from hornbook.recipes.text_matching import TextMatching
from hornbook.recipes.text_matching.report import (
    MatchingReport,
    best_thresholds,
    matching_metrics,
)

PAIRS = [
    Pair(f"source {number}", f"<b>target</b> {number}", label, criterion, f"here:{number}")
    for number, (criterion, label) in enumerate(
        [("短A", 1), ("短A", 0), ("短A", 1), ("长B", 0), ("长B", 1), ("长B", 0)]
    )
]
PROBABILITIES = np.array([0.9, 0.8, 0.3, 0.2, 0.6, 0.1])
THRESHOLDS = {"短A": 0.5, "长B": 0.5}


class Run:
    path = Path("runs") / "some"
    seconds_trained = 125.0

    def environment(self):
        return {
            "backend": "jax",
            "packages": {"hornbook": "1", "keras": "3", "jax": "2", "torch": "9"},
            "system": "Linux",
            "cores": 2,
        }

    def write_report(self, html):
        self.html = html


@pytest.fixture
def recipe():
    """A `TextMatching` with all that a report needs."""
    recipe = TextMatching(epochs=2)
    recipe.criteria, recipe.thresholds = list(THRESHOLDS), THRESHOLDS
    recipe.references = {"From random weights": 0.512}
    recipe.baseline = matching_metrics(PAIRS, 1 - PROBABILITIES, THRESHOLDS)
    recipe.model = SimpleNamespace(count_params=lambda: 1234)
    return recipe


def test_metrics_are_per_criterion_and_their_mean_is_over_the_groups():
    metrics = matching_metrics(PAIRS, PROBABILITIES, THRESHOLDS)
    assert metrics["f1"] == {"短A": 0.5, "长B": 1.0}
    assert metrics["accuracy"] == {"短A": pytest.approx(1 / 3), "长B": 1.0}
    assert metrics["roc_auc"] == {"短A": 0.5, "长B": 1.0}
    assert metrics["pairs"] == {"短A": 3, "长B": 3}
    assert metrics["group_f1"] == {"A": 0.5, "B": 1.0}
    assert metrics["mean_f1"] == 0.75


def test_the_table_has_a_row_per_criterion_and_group_and_for_their_mean():
    columns, rows = TextMatching().table(matching_metrics(PAIRS, PROBABILITIES, THRESHOLDS))
    assert [row[0] for row in rows] == [
        "短A", "长B", "mean of group A", "mean of group B", "mean of the groups"
    ]  # fmt: skip
    assert all(len(row) == len(columns) for row in rows)
    assert rows[-1][columns.index("F1")] == 0.75


def test_the_comparison_with_linear_models_is_one_line():
    network, linear = (
        matching_metrics(PAIRS, probabilities, THRESHOLDS)
        for probabilities in (PROBABILITIES, np.array([1.0, 0, 1, 0, 0, 1]))
    )
    matching = TextMatching()
    assert matching.comparison(network) == ""  # of a loaded run
    matching.criteria, matching.baseline = list(THRESHOLDS), linear
    assert matching.comparison(network) == (
        "TF-IDF and logistic regression alone: mean F1 0.500; this model: mean F1 0.750 "
        "(短A 1.000 / 0.500, 长B 0.000 / 1.000)"
    )


def test_a_threshold_is_chosen_for_each_criterion():
    thresholds = best_thresholds(PAIRS, PROBABILITIES)
    assert thresholds["短A"] <= 0.3  # answering yes to all three is best here: F1 is 0.8
    assert 0.2 < thresholds["长B"] <= 0.6


def test_the_page_shows_metrics_mistakes_options_and_usage(recipe):
    rows = [
        {"epoch": 1, "loss": 0.7, "mean_f1": 0.8, "f1": {"短A": 0.6, "长B": 1.0}},
        {"epoch": 2, "loss": 0.5, "mean_f1": 0.75, "f1": {"短A": 0.5, "长B": 1.0}},
    ]
    rows = [{**row, "log_loss": 0.6, "learning_rate": 1e-3} for row in rows]
    run = Run()
    MatchingReport(recipe, PAIRS, PROBABILITIES).write(run, rows, 1000)
    assert "From random weights: mean F1 0.512." in run.html
    for name, value in (
        ("pairs", "1,000 training, 6 validation"),
        ("weights", "1,234"),
        ("training time", "2 min 05 s"),
        ("machine", "Linux, 2 cores"),
        ("versions", "hornbook 1, keras 3, jax 2"),
    ):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in run.html
    assert run.html.count("<figcaption>Loss</figcaption>") == 1
    assert "<figcaption>Learning rate at the end of each epoch</figcaption>" in run.html
    assert "TF-IDF and logistic regression alone: mean F1 0.333" in run.html
    assert "here epoch 1." in run.html
    assert "短A: 2 wrong" in run.html
    assert "长B: 0 wrong" in run.html
    mistakes = run.html.partition("Worst mistakes")[2]
    # off the threshold by 0.3 and by 0.2
    assert mistakes.index("source 1") < mistakes.index("source 2")
    assert "source 0" not in mistakes
    assert "&lt;b&gt;target&lt;/b&gt; 1" in mistakes
    assert "<b>target" not in run.html
    assert "hornbook predict runs/some" in run.html
    assert "<dt>pretrained</dt><dd>none, from random weights</dd>" in run.html
