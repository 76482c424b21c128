"""NEZHA's vectors for distances, against the formula for one query and one key."""

from __future__ import annotations

import math

import numpy as np
import pytest
from keras import ops

from hornbook.layers import RelativePositions
from hornbook.layers.positions.relative import relative_scores, relative_values

pytestmark = pytest.mark.backend

HEAD, MAX_DISTANCE = 4, 2


def vector(query, key):
    row = min(max(key - query, -MAX_DISTANCE), MAX_DISTANCE) + MAX_DISTANCE
    return [
        (math.sin if i % 2 == 0 else math.cos)(row / 10000 ** (i // 2 * 2 / HEAD))
        for i in range(HEAD)
    ]


@pytest.mark.parametrize("positions", [[[0, 1, 2, 3, 4]], [[0, 1, 2, 3, 4], [9, 4, 6, 6, 0]]])
def test_every_distance_has_its_vector_up_to_the_maximum(positions):
    layer = RelativePositions(head_size=HEAD, max_distance=MAX_DISTANCE)
    expected = [[[vector(q, k) for k in row] for q in row] for row in positions]
    computed = ops.convert_to_numpy(layer(np.array(positions)))
    np.testing.assert_allclose(computed, expected, atol=1e-6)
    assert not layer.weights


@pytest.mark.parametrize("batch", [1, 2])
def test_scores_and_values_are_sums_over_features_and_keys(batch):
    random = np.random.default_rng(0)
    query = random.normal(size=(2, 3, 5, HEAD)).astype("float32")
    probabilities = random.random(size=(2, 3, 5, 5)).astype("float32")
    relative = random.normal(size=(batch, 5, 5, HEAD)).astype("float32")
    vectors = np.broadcast_to(relative, (2, 5, 5, HEAD))
    query, probabilities, relative = map(ops.convert_to_tensor, (query, probabilities, relative))
    np.testing.assert_allclose(
        ops.convert_to_numpy(relative_scores(query, relative)),
        np.einsum("bhqd,bqkd->bhqk", ops.convert_to_numpy(query), vectors),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(relative_values(probabilities, relative)),
        np.einsum("bhqk,bqkd->bhqd", ops.convert_to_numpy(probabilities), vectors),
        atol=1e-5,
    )


def test_an_odd_head_size_is_refused():
    with pytest.raises(ValueError, match="5 features of a head"):
        RelativePositions(head_size=5)
