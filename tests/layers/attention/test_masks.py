"""Masks, against their definitions position by position."""

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
def test_padding_is_hidden(dtype):
    mask = padding_attention_mask(np.array([[1, 1, 0], [1, 0, 0]], dtype))
    assert to_lists(mask) == [[[[True, True, False]]], [[[True, False, False]]]]


def order(first, end):
    return np.arange(first, end)[None]


@pytest.mark.parametrize(("queries", "keys"), [(4, 4), (1, 4), (2, 5)])
def test_a_causal_mask_shows_the_token_itself_and_earlier_ones(queries, keys):
    first = keys - queries
    expected = [[key <= query for key in range(keys)] for query in range(first, keys)]
    assert to_lists(causal_attention_mask(order(first, keys), order(0, keys))) == [[expected]]


def test_attention_is_bidirectional_in_segment_0_and_causal_in_segment_1():
    segments = np.array([[0, 0, 0, 1, 1], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]])

    def is_visible(row, query, key):
        if segments[row, key] == 0:
            return True  # the prefix is visible to all tokens
        return segments[row, query] == 1 and key <= query

    expected = [
        [[[is_visible(row, query, key) for key in range(5)] for query in range(5)]]
        for row in range(4)
    ]
    orders = segments.cumsum(1)
    assert to_lists(causal_attention_mask(orders, orders)) == expected


@pytest.mark.parametrize(("queries", "keys"), [(5, 5), (1, 5), (2, 6)])
def test_a_window_shows_nearby_tokens_on_both_sides(queries, keys):
    first = keys - queries
    expected = [[abs(key - query) <= 2 for key in range(keys)] for query in range(first, keys)]
    assert to_lists(window_attention_mask(order(first, keys), order(0, keys), 2)) == [[expected]]
