from __future__ import annotations

from types import SimpleNamespace

import pytest

from hornbook.recipes.encoder_recipe import usual_rate
from hornbook.recipes.text_classification import TextClassification


def columns(rows):
    tokens = [[1] * (3 + number % 5) for number in range(rows)]
    return {
        "token_ids": tokens,
        "segment_ids": tokens,
        "padding_mask": tokens,
        "label": list(range(rows)),
        "where": [f"row {number}" for number in range(rows)],
    }


def recipe(**fields):
    fresh = TextClassification(batch_size=4, **fields)
    fresh.encoder = SimpleNamespace(config=SimpleNamespace(max_length=64, hidden_size=384))
    return fresh


def rows_of(batches):
    return [row for batch in batches for row in batch.where()]


@pytest.mark.parametrize(("rows", "passes"), [(4, 7), (10, 3), (27, 1), (40, 1)])
def test_an_epoch_passes_over_few_texts_until_it_has_enough_steps(rows, passes):
    few = recipe(min_steps_per_epoch=7)
    batches = few.batches(columns(rows), 0)
    assert len(batches) >= 7
    assert sorted(rows_of(batches)) == sorted([f"row {n}" for n in range(rows)] * passes)


def test_no_two_passes_have_the_same_order():
    few = recipe(min_steps_per_epoch=6)
    data = columns(9)  # 3 steps per pass
    orders = [rows_of(few.batches(data, epoch)) for epoch in range(3)]
    passes = [tuple(order[half : half + 9]) for order in orders for half in (0, 9)]
    assert len(set(passes)) == 6


def test_only_pretrained_encoders_pass_over_few_texts_several_times_by_default():
    data = columns(8)
    assert len(recipe().batches(data, 0)) == 2
    assert len(recipe(pretrained="bert").batches(data, 0)) == 20


def test_the_usual_learning_rate_is_higher_for_smaller_models():
    rates = {size: usual_rate(size) for size in (1024, 768, 384, 192, 64)}
    expected = {1024: 1.461e-5, 768: 3e-5, 384: 1.697e-4, 192: 9.6e-4, 64: 1e-3}
    assert rates == pytest.approx(expected, rel=1e-3)
    assert recipe().settings()["learning_rate"] == 1e-3
    assert recipe(pretrained="bert").settings()["learning_rate"] == pytest.approx(
        1.697e-4, rel=1e-3
    )
    assert recipe(pretrained="bert", learning_rate=2e-5).settings()["learning_rate"] == 2e-5
