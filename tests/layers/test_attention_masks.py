"""Masks, held against their definitions spelled out position by position."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.layers.attention_masks import (
    causal_attention_mask,
    padding_attention_mask,
    prefix_attention_mask,
    window_attention_mask,
)

pytestmark = pytest.mark.backend


def to_lists(mask):
    return ops.convert_to_numpy(mask).tolist()


@pytest.mark.parametrize("dtype", ["int32", "bool", "float32"])
def test_only_real_tokens_may_be_seen(dtype):
    mask = padding_attention_mask(np.array([[1, 1, 0], [1, 0, 0]], dtype))
    assert to_lists(mask) == [[[[True, True, False]]], [[[True, False, False]]]]


@pytest.mark.parametrize(("queries", "keys"), [(4, 4), (1, 4), (2, 5)])
def test_causal_sees_itself_and_what_came_before(queries, keys):
    before = keys - queries
    expected = [[key <= query + before for key in range(keys)] for query in range(queries)]
    assert to_lists(causal_attention_mask(queries, keys)) == [[expected]]


def test_prefix_reads_segment_0_both_ways_and_writes_segment_1_from_left_to_right():
    segments = np.array([[0, 0, 0, 1, 1], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]])

    def may_see(row, query, key):
        if segments[row, key] == 0:
            return True  # everybody reads the prefix
        return segments[row, query] == 1 and key <= query

    expected = [
        [[[may_see(row, query, key) for key in range(5)] for query in range(5)]] for row in range(4)
    ]
    assert to_lists(prefix_attention_mask(segments)) == expected


@pytest.mark.parametrize(("queries", "keys"), [(5, 5), (1, 5), (2, 6)])
def test_a_window_shows_what_is_near_on_both_sides(queries, keys):
    before = keys - queries
    expected = [[abs(key - query - before) <= 2 for key in range(keys)] for query in range(queries)]
    assert to_lists(window_attention_mask(queries, keys, 2)) == [[expected]]
