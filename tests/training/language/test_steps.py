"""Which rows a step sees, on a corpus made by hand; no Keras is needed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hornbook.data.corpus.token_shards import TokenShards
from hornbook.data.objectives.packing import pack
from hornbook.data.objectives.tasks import OBJECTIVES
from hornbook.errors import DataError
from hornbook.training.language.steps import LanguageSteps, check_progress, parts_of, split_rows


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


def seen_by(steps, first, last):
    seen = []
    steps_rows = SimpleNamespace(
        batch=lambda rows, seed, epoch, numbers: seen.extend(numbers) or {"weights": np.ones(1)}
    )
    counting = LanguageSteps(
        steps_rows, steps.rows, steps.train, steps.held_out, steps.rows_per_step, steps.seed
    )
    for batch in counting.batches(first, last):
        batch.arrays()
    return seen


def test_an_epoch_sees_every_training_row_and_no_held_out_one(steps):
    seen = seen_by(steps, 0, steps.steps_per_epoch)
    assert set(seen) == set(steps.train)
    assert not set(seen) & set(steps.held_out)
    assert seen_by(steps, steps.steps_per_epoch, 2 * steps.steps_per_epoch) != seen


def test_a_step_is_the_same_wherever_one_begins(steps):
    late = steps.batches(5, 7)[1].arrays()[0]
    again = steps.batches(6, 8)[0].arrays()[0]
    assert all(np.array_equal(late[name], again[name]) for name in late)
    assert late["weights"].sum() == pytest.approx(1)


def test_a_batch_counts_its_tokens_and_says_where_it_is_from(steps):
    batch = steps.batches(0, 1)[0]
    assert batch.size == 4 * 24
    assert "epoch 1, batch 1" in batch.where()[0]


def test_the_parts_of_a_step_have_its_loss_together(steps):
    arrays = steps.batches(0, 1)[0].arrays()[0]
    parts = parts_of(arrays, 2)
    assert [len(part["token_ids"]) for part in parts] == [2, 2]
    mean = np.mean([part["weights"].sum() for part in parts])
    assert mean == pytest.approx(arrays["weights"].sum())
    assert parts_of(arrays, 1) == [arrays]


def test_every_held_out_row_is_measured_once_whatever_the_batches(steps):
    found = []
    for at_once in (3, len(steps.held_out)):

        def predict(arrays):
            numbers = arrays["weights"].sum(axis=1)
            return {"loss": 2 * numbers, "correct": numbers / 2, "weight": numbers}

        found.append(steps.measure(predict, at_once))
    assert found[0] == pytest.approx(found[1])
    assert found[0]["held_out_loss"] == pytest.approx(2)
    assert found[0]["accuracy"] == pytest.approx(0.5)
    assert found[0]["perplexity"] == pytest.approx(np.exp(2))


@pytest.mark.parametrize("count", [2, 3, 9, 100, 5000, 300_000])
def test_rows_are_split_in_two_and_few_are_held_out(count):
    train, held_out = split_rows(count, 0.01)
    assert sorted([*train, *held_out]) == list(range(count))
    assert 1 <= len(held_out) <= max(count * 0.011, 1)
    assert len(held_out) <= 1024


def test_one_row_is_too_little():
    with pytest.raises(DataError, match="fills 1 row; at least two"):
        split_rows(1, 0.1)


def test_a_loss_that_only_rises_stops_the_training_and_one_that_wavers_does_not(tmp_path):
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
