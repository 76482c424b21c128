"""Masks, held against their definitions spelled out position by position."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.layers.attention.masks import (
    causal_attention_mask,
    padding_attention_mask,
    window_attention_mask,
)

pytestmark = pytest.mark.backend


def to_lists(mask):
    return ops.convert_to_numpy(mask).tolist()


@pytest.mark.parametrize("dtype", ["int32", "bool", "float32"])
def test_only_real_tokens_may_be_seen(dtype):
    mask = padding_attention_mask(np.array([[1, 1, 0], [1, 0, 0]], dtype))
    assert to_lists(mask) == [[[[True, True, False]]], [[[True, False, False]]]]


def order(first, end):
    return np.arange(first, end)[None]


@pytest.mark.parametrize(("queries", "keys"), [(4, 4), (1, 4), (2, 5)])
def test_causal_sees_itself_and_what_came_before(queries, keys):
    first = keys - queries
    expected = [[key <= query for key in range(keys)] for query in range(first, keys)]
    assert to_lists(causal_attention_mask(order(first, keys), order(0, keys))) == [[expected]]


def test_segment_0_is_read_both_ways_and_segment_1_written_from_left_to_right():
    segments = np.array([[0, 0, 0, 1, 1], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]])

    def may_see(row, query, key):
        if segments[row, key] == 0:
            return True  # everybody reads the prefix
        return segments[row, query] == 1 and key <= query

    expected = [
        [[[may_see(row, query, key) for key in range(5)] for query in range(5)]] for row in range(4)
    ]
    written = segments.cumsum(1)
    assert to_lists(causal_attention_mask(written, written)) == expected


@pytest.mark.parametrize(("queries", "keys"), [(5, 5), (1, 5), (2, 6)])
def test_a_window_shows_what_is_near_on_both_sides(queries, keys):
    first = keys - queries
    expected = [[abs(key - query) <= 2 for key in range(keys)] for query in range(first, keys)]
    assert to_lists(window_attention_mask(order(first, keys), order(0, keys), 2)) == [[expected]]
