from __future__ import annotations

import keras
import numpy as np
import pytest

from hornbook.data.entities.tag_schemes import TokenSpan
from hornbook.recipes.spans.text_windows import Units, Window
from hornbook.recipes.tagging.tag_heads import TagHead

GOLD = [[TokenSpan(0, 1, "x"), TokenSpan(3, 3, "y")], [TokenSpan(1, 2, "y")], []]
LENGTHS = [5, 3, 0]


@pytest.fixture(params=["crf", "memm", "softmax"])
def head(request):
    head = TagHead(["x", "y"], pretrained=False, outside=True, kind=request.param)
    features, mask = keras.Input((None, 4)), keras.Input((None,), dtype="int32")
    outputs, _ = head.build(features, mask)
    keras.Model([features, mask], outputs)
    random = np.random.default_rng(0)
    head.layer.set_weights([random.normal(size=x.shape) for x in head.layer.get_weights()])
    if request.param == "softmax":
        head.layer.set_weights([np.zeros(x.shape) for x in head.layer.get_weights()])
    return head


def windows(head):
    random = np.random.default_rng(1)
    texts = [
        Units([(i, i + 1) for i in range(length)], [[5]] * length, gold)
        for length, gold in zip(LENGTHS, GOLD, strict=True)
    ]
    whole = [Window(n, text, 0, len(text.spans)) for n, text in enumerate(texts)]
    emissions = [random.normal(size=(n, len(head.tags))).astype("float32") for n in LENGTHS]
    return texts, whole, emissions


def test_the_reported_loss_is_the_one_that_is_trained_with(head):
    texts, whole, emissions = windows(head)
    tagged = head.tagged(texts, [[pair] for pair in zip(whole, emissions, strict=True)])
    for window, scores, answer in zip(whole[:2], emissions, tagged, strict=False):
        labels = head.label_array([head.label(window)], len(scores))
        loss = keras.ops.convert_to_numpy(head.layer.loss(labels, scores[None]))
        assert answer.loss == pytest.approx(float(loss[0]), rel=1e-4)
    assert tagged[2] == ([], 0.0)


def test_spans_do_not_overlap_and_have_probabilities(head):
    texts, whole, emissions = windows(head)
    for answer in head.tagged(texts, [[pair] for pair in zip(whole, emissions, strict=True)]):
        last = -1
        for span, probability in answer.spans:
            assert last < span.first <= span.last
            assert 0 < probability <= 1
            last = span.last


def test_units_of_entities_that_a_window_cuts_through_have_no_label(head):
    text = Units([(i, i + 1) for i in range(4)], [[5]] * 4, [TokenSpan(1, 2, "x")])
    labels = head.label(Window(0, text, 0, 2))
    assert [head.tags[labels[0]], labels[1]] == ["O", -1]
