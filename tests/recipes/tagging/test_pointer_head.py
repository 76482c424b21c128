from __future__ import annotations

import keras
import numpy as np
import pytest

from hornbook.data.entities.tag_schemes import TokenSpan
from hornbook.layers import span_crossentropy
from hornbook.recipes.spans.text_windows import Units, Window
from hornbook.recipes.tagging.pointer_head import PointerHead

SPANS = [TokenSpan(0, 1, "x"), TokenSpan(1, 1, "x"), TokenSpan(2, 3, "y")]
UNITS = Units([(i, i + 1) for i in range(8)], [[5]] * 8, SPANS)


def test_the_reported_loss_is_the_one_that_is_trained_with():
    head = PointerHead(["x", "y"])
    window = Window(0, UNITS, 0, 8)
    scores = np.random.default_rng(0).normal(size=(2, 8, 8)).astype("float32")
    scores[:, np.tril(np.ones((8, 8), bool), -1)] = -1e9
    labels = head.label_array([window.gold()], 8)
    expected = keras.ops.convert_to_numpy(span_crossentropy(labels, scores[None])).mean()
    spans, loss = head.read(scores, window)
    assert loss == pytest.approx(float(expected), rel=1e-5)
    assert len(spans) == (scores > 0).sum()


def test_a_span_of_two_windows_is_decided_where_it_is_deepest():
    head = PointerHead(["x", "y"])
    windows = [Window(0, UNITS, 0, 6), Window(0, UNITS, 2, 8)]
    found = [np.full((2, 6, 6), -1.0), np.full((2, 6, 6), -1.0)]
    found[0][0, 4, 5] = 1.0  # at the border of the first window; the second does not find it
    found[1][1, 2, 3] = 1.0  # units 4 to 5, in the middle of the second
    read = [(one, head.read(scores, one)) for one, scores in zip(windows, found, strict=True)]
    [tagged] = head.tagged([UNITS], [read])
    assert [one.span for one in tagged.spans] == [TokenSpan(4, 5, "y")]
