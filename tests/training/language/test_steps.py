"""The rows of each step, on a corpus made by hand; Keras is not needed."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from hornbook.data.corpus.token_shards import TokenShards
from hornbook.data.objectives.packing import pack
from hornbook.data.objectives.tasks import OBJECTIVES
from hornbook.errors import DataError
from hornbook.training.language.steps import LanguageSteps, check_progress, split_batch, split_rows


@pytest.fixture(scope="module")
def steps():
    special = {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
    random = np.random.default_rng(0)
    documents = [[random.integers(5, 50, 6).tolist() for _ in range(3)] for _ in range(40)]
    shards = TokenShards.of_documents(documents, vocabulary_size=50, special_ids=special)
    objective = OBJECTIVES["mlm"]()
    rows = pack(shards, 24, **objective.packing)
    train, held_out = split_rows(len(rows), 0.1)
    return LanguageSteps(objective, rows, train, held_out, rows_per_step=4, seed=7)


def rows_of(steps, first, last):
    """The indices of the rows that the objective gets in these steps."""
    rows = []
    objective = SimpleNamespace(
        batch=lambda _, seed, epoch, indices: rows.extend(indices) or {"weights": np.ones(1)}
    )
    for batch in dataclasses.replace(steps, objective=objective).batches(first, last):
        batch.arrays()
    return rows


def test_an_epoch_has_every_training_row_and_no_held_out_one(steps):
    rows = rows_of(steps, 0, steps.steps_per_epoch)
    assert set(rows) == set(steps.train)
    assert not set(rows) & set(steps.held_out)
    assert rows_of(steps, steps.steps_per_epoch, 2 * steps.steps_per_epoch) != rows


def test_a_step_does_not_depend_on_the_first_step(steps):
    second = steps.batches(5, 7)[1].arrays()[0]
    first = steps.batches(6, 8)[0].arrays()[0]
    assert all(np.array_equal(second[name], first[name]) for name in second)
    assert second["weights"].sum() == pytest.approx(1)


def test_a_batch_has_its_number_of_tokens_and_its_source(steps):
    batch = steps.batches(0, 1)[0]
    assert batch.size == 4 * 24
    assert "epoch 1, batch 1" in batch.where()[0]


def test_the_mean_loss_over_the_parts_of_a_step_is_its_loss(steps):
    arrays = steps.batches(0, 1)[0].arrays()[0]
    parts = split_batch(arrays, 2)
    assert [len(part["token_ids"]) for part in parts] == [2, 2]
    mean = np.mean([part["weights"].sum() for part in parts])
    assert mean == pytest.approx(arrays["weights"].sum())
    assert split_batch(arrays, 1) == [arrays]


def test_every_held_out_row_counts_once_for_any_batch_size(steps):
    metrics = []
    for batch_size in (3, len(steps.held_out)):

        def predict(arrays):
            weights = arrays["weights"].sum(axis=1)
            return {"loss": 2 * weights, "correct": weights / 2, "weight": weights}

        metrics.append(steps.measure(predict, batch_size))
    assert metrics[0] == pytest.approx(metrics[1])
    assert metrics[0]["held_out_loss"] == pytest.approx(2)
    assert metrics[0]["accuracy"] == pytest.approx(0.5)
    assert metrics[0]["perplexity"] == pytest.approx(np.exp(2))


@pytest.mark.parametrize("count", [2, 3, 9, 100, 5000, 300_000])
def test_few_rows_are_held_out_and_all_others_are_for_training(count):
    train, held_out = split_rows(count, 0.01)
    assert sorted([*train, *held_out]) == list(range(count))
    assert 1 <= len(held_out) <= max(count * 0.011, 1)
    assert len(held_out) <= 1024


def test_a_single_row_is_refused():
    with pytest.raises(DataError, match="fills 1 row; at least two"):
        split_rows(1, 0.1)


def test_a_diverging_loss_stops_training_and_a_noisy_one_does_not(tmp_path):
    run = SimpleNamespace(model=tmp_path / "model")
    state = {"step": 0}
    for step in range(300):
        state["step"] = step
        check_progress(state, 8.0 + 2 * (step % 2), run)

    def rise():
        for step in range(300, 400):
            state["step"] = step
            check_progress(state, 20.0, run)

    with pytest.raises(DataError, match=r"The loss diverges: about .* by step 3"):
        rise()
