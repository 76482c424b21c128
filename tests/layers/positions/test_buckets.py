"""T5's buckets, one distance at a time and against transformers."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.layers import RelativePositionBuckets

pytestmark = pytest.mark.backend

DISTANCES = np.arange(-300, 301)


def rows_of(distances, **options):
    layer = RelativePositionBuckets(num_heads=1, **options)
    return ops.convert_to_numpy(layer.buckets(ops.convert_to_tensor(distances)))


def test_short_distances_have_a_row_each_and_long_ones_share_rows():
    rows = rows_of(DISTANCES, num_buckets=32, max_distance=128)
    by_distance = dict(zip(DISTANCES.tolist(), rows.tolist(), strict=True))
    assert [by_distance[-n] for n in range(8)] == list(range(8))  # earlier keys
    assert [by_distance[n] for n in range(1, 8)] == list(range(17, 24))  # later keys
    # 8 rows from 8 to 128, each 128/8 to the power of 1/8 times as wide as the previous one
    assert [by_distance[-n] for n in (8, 11, 12, 15, 16, 22, 23)] == [8, 8, 9, 9, 10, 10, 11]
    assert by_distance[-90] == 14
    assert {by_distance[-n] for n in range(91, 301)} == {15}
    assert {by_distance[n] for n in range(91, 301)} == {31}


def test_a_causal_table_has_rows_for_earlier_keys_only():
    rows = rows_of(DISTANCES, num_buckets=32, max_distance=128, bidirectional=False)
    by_distance = dict(zip(DISTANCES.tolist(), rows.tolist(), strict=True))
    assert {by_distance[n] for n in range(301)} == {0}
    assert [by_distance[-n] for n in range(16)] == list(range(16))
    assert sorted(set(rows.tolist())) == list(range(32))


@pytest.mark.only_on("jax", "torch")
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (8, 10), (64, 256), (6, 20)])
def test_every_distance_has_the_bucket_of_transformers(bidirectional, num_buckets, max_distance):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():  # warnings of other packages at import
        warnings.simplefilter("ignore")
        pytest.importorskip("transformers")
        from transformers.models.t5.modeling_t5 import T5Attention
    options = {
        "bidirectional": bidirectional,
        "num_buckets": num_buckets,
        "max_distance": max_distance,
    }
    expected = T5Attention._relative_position_bucket(torch.tensor(DISTANCES), **options)
    np.testing.assert_array_equal(rows_of(DISTANCES, **options), expected.numpy())


def test_each_head_has_a_bias_for_each_pair_of_tokens():
    layer = RelativePositionBuckets(num_heads=2, num_buckets=8, max_distance=10)
    layer.build()
    table = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    layer.embeddings.assign(table)
    queries, keys = np.array([[0, 1, 2], [3, 9, 4]]), np.array([[0, 1, 5, 7], [2, 4, 6, 8]])
    bias = ops.convert_to_numpy(layer(queries, keys))
    assert bias.shape == (2, 2, 3, 4)
    rows = ops.convert_to_numpy(layer.buckets(keys[:, None] - queries[..., None]))
    np.testing.assert_array_equal(bias, table[rows].transpose(0, 3, 1, 2))
    pair = (ops.convert_to_numpy(x) for x in (layer(queries), layer(queries, queries)))
    np.testing.assert_array_equal(*pair)


def test_the_table_has_the_values_of_its_initializer():
    initializer = keras.initializers.Constant(0.5)
    layer = RelativePositionBuckets(num_heads=2, embeddings_initializer=initializer)
    layer.build()
    np.testing.assert_array_equal(
        ops.convert_to_numpy(layer.embeddings.value), np.full((32, 2), 0.5)
    )
