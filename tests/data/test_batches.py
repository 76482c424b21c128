from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hornbook.data.batches import (
    length_buckets,
    make_batch,
    pad,
    padded_length,
    padding_ratio,
    rows_per_batch,
)

LENGTHS = st.lists(st.integers(1, 600), max_size=120)
SIZES = st.sampled_from([{"batch_size": 8}, {"batch_tokens": 512}, {"batch_size": 1}])


@given(LENGTHS, SIZES, st.integers(0, 5), st.booleans())
def test_each_sample_is_in_one_batch(lengths, size, epoch, shuffle):
    batches = length_buckets(lengths, **size, seed=1, epoch=epoch, shuffle=shuffle)
    numbers = [int(number) for batch in batches for number in batch]
    assert sorted(numbers) == list(range(len(lengths)))


def test_texts_whose_pairs_are_too_many_are_in_smaller_batches():
    lengths = [10] * 20 + [60] * 20 + [1000]
    batches = length_buckets(lengths, batch_size=8, max_pairs=4 * 64**2)
    sizes = [(len(batch), padded_length(max(lengths[i] for i in batch))) for batch in batches]
    assert sum(rows for rows, _ in sizes) == 41
    assert all(rows * length**2 <= 4 * 64**2 for rows, length in sizes if rows > 1)
    assert max(rows for rows, _ in sizes) == 8
    rows = make_batch({"ids": [[1] * 60]}, [0], pad_batch=True, batch_size=8, max_pairs=4 * 64**2)[
        "ids"
    ]
    assert rows.shape == (4, 64)


@given(LENGTHS, SIZES)
@example([1, 1, 1, 257], {"batch_tokens": 512})
def test_batches_are_within_the_limit_and_at_most_one_is_not_full(lengths, size):
    partial = 0
    for batch in length_buckets(lengths, **size):
        rows = rows_per_batch(padded_length(max(lengths[n] for n in batch)), **size)
        assert len(batch) <= rows
        partial += len(batch) < rows
    # A batch of what was left over from shorter buckets is as long as a longer bucket's.
    assert partial <= (1 if "batch_size" in size else len({padded_length(n) for n in lengths}))


def test_seed_and_epoch_alone_determine_the_order():
    lengths = list(np.random.default_rng(0).integers(1, 100, 500))

    def order(**options):
        np.random.seed(len(options))
        return [batch.tolist() for batch in length_buckets(lengths, batch_size=16, **options)]

    assert order(seed=3, epoch=1) == order(epoch=1, seed=3)
    different = [order(seed=3, epoch=1), order(seed=3, epoch=2), order(seed=1, epoch=3), order()]
    assert len({str(batches) for batches in different}) == 4
    assert order(shuffle=False) == order(shuffle=False, epoch=5)


def test_batches_differ_between_epochs():
    lengths = [10] * 64
    first, second = (
        {frozenset(batch.tolist()) for batch in length_buckets(lengths, batch_size=8, epoch=epoch)}
        for epoch in (0, 1)
    )
    assert not first & second


def test_lengths_are_rounded_up_to_few_values():
    assert [padded_length(n) for n in (0, 1, 16, 17, 25, 33, 65, 128, 129, 193, 513)] == [
        *(16, 16, 16, 24, 32, 48, 96, 128, 192, 256, 768),
    ]
    assert all(n <= padded_length(n) <= max(16, 1.5 * n) for n in range(3000))
    assert len({padded_length(n) for n in range(513)}) == 11


def test_padding_is_small():
    lengths = np.random.default_rng(0).integers(20, 128, 2000)
    assert padding_ratio(lengths, length_buckets(lengths, batch_size=32)) < 1.2
    as_they_come = [np.arange(n, n + 32) for n in range(0, 1984, 32)]
    assert padding_ratio(lengths, as_they_come) > 1.6
    assert padding_ratio([16, 16], [np.array([0, 1])]) == 1.0


def test_padding_is_at_the_end_and_nothing_is_truncated():
    padded = pad([[1, 2], [], [3]], 3, value=9)
    assert padded.tolist() == [[1, 2, 9], [9, 9, 9], [3, 9, 9]]
    assert padded.dtype == np.int32
    assert pad([]).shape == (0, 0)
    with pytest.raises(ValueError, match="A sequence of 2 does not fit into 1"):
        pad([[1, 2]], 1)


def test_a_batch_has_a_fixed_shape_and_added_rows_have_weight_0():
    columns = {
        "token_ids": [[1, 2, 3], [4], [5] * 20],
        "segment_ids": [[0, 0, 1], [0], [1] * 20],
        "label": [1, 0, 1],
        "score": [0.5, 1.5, 2.5],
    }
    plain = make_batch(columns, np.array([1, 0]))
    assert plain["token_ids"].tolist() == [[4] + [0] * 15, [1, 2, 3] + [0] * 13]
    assert plain["label"].tolist() == [0, 1]
    assert plain["weight"].tolist() == [1, 1]
    assert (plain["label"].dtype, plain["score"].dtype) == (np.int32, np.float32)
    full = make_batch(columns, [2, 0], pad_batch=True, batch_tokens=96)
    assert full["token_ids"].shape == full["segment_ids"].shape == (4, 24)
    assert full["weight"].tolist() == [1, 1, 0, 0]
    assert (full["token_ids"][2:] == full["token_ids"][0]).all()
    assert full["label"].tolist() == [1, 1, 1, 1]


def test_a_model_with_few_positions_gets_no_longer_rows():
    columns = {"token_ids": [[1] * 70, [1] * 3]}
    batch = make_batch(columns, [0], pad_batch=True, batch_tokens=192, max_length=80)
    assert batch["token_ids"].shape == (2, 80)
    assert make_batch(columns, [1], max_length=80)["token_ids"].shape == (1, 16)


def test_a_padded_epoch_has_one_shape_per_length():
    lengths = np.random.default_rng(0).integers(1, 200, 300)
    columns = {"token_ids": [[1] * n for n in lengths]}
    shapes, weight = set(), 0.0
    for batch in length_buckets(lengths, batch_tokens=1024):
        arrays = make_batch(columns, batch, pad_batch=True, batch_tokens=1024)
        shapes.add(arrays["token_ids"].shape)
        weight += arrays["weight"].sum()
    assert weight == 300
    assert all(rows == 1024 // length for rows, length in shapes)


def test_exactly_one_size_is_given():
    for wrong in ({}, {"batch_size": 2, "batch_tokens": 3}):
        with pytest.raises(ValueError, match="either batch_size or batch_tokens"):
            length_buckets([1], **wrong)
    with pytest.raises(ValueError, match="1 or more"):
        length_buckets([1], batch_size=0)
    with pytest.raises(ValueError, match="needs a sample"):
        make_batch({"a": [1]}, [])
