"""Scores of spans: bert4keras's own, and where there can be no span."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from hornbook.backend import set_random_seed
from hornbook.layers import EfficientGlobalPointer, GlobalPointer, span_crossentropy
from hornbook.layers.tagging.masked_scores import MASKED

pytestmark = pytest.mark.backend

TYPES, HEAD = 2, 4
NORMAL = keras.initializers.RandomNormal(stddev=0.3, seed=1)
MASK = np.arange(6) < np.array([[6], [4]])
BOTH = MASK[:, None, :, None] & MASK[:, None, None, :]
ORDERED = np.triu(np.ones((6, 6), bool))


@pytest.fixture
def x(numbers):
    return numbers(5, 2, 6, 8)


def expected(values):
    y = np.array([np.nan if value is None else value for value in values])
    return y.reshape(2, TYPES, 6, 6)


@pytest.mark.parametrize(
    ("case", "options"),
    [("global_pointer", {}), ("link_pointer", {"rotary": False, "triangular": False})],
)
def test_scores_are_those_of_bert4keras(compute, x, numbers, bert4keras, case, options):
    layer = GlobalPointer(TYPES, HEAD, **options)
    layer.build(x.shape)
    layer.query_key.set_weights([numbers(6, 8, 16), numbers(7, 16)])
    scores = compute(layer, x, MASK)
    possible = BOTH & ORDERED if layer.triangular else np.repeat(BOTH, TYPES, axis=1)
    possible = np.broadcast_to(possible, scores.shape)
    np.testing.assert_allclose(
        scores[possible], expected(bert4keras[case])[possible], rtol=1e-4, atol=1e-4
    )
    assert (scores[~possible] == MASKED).all()


def test_efficient_scores_are_those_of_bert4keras(compute, x, numbers, bert4keras):
    layer = EfficientGlobalPointer(TYPES, HEAD)
    layer.build(x.shape)
    # there features of query and key alternate, and so do scores of end and start
    apart = [*range(0, 8, 2), *range(1, 8, 2)]
    layer.query_key.set_weights([numbers(8, 8, 8)[:, apart], numbers(9, 8)[apart]])
    kernel, bias = numbers(10, 8, 4)[apart], numbers(11, 4)
    layer.start_end.set_weights([kernel[:, [1, 3, 0, 2]], bias[[1, 3, 0, 2]]])
    scores = compute(layer, x, MASK)
    possible = np.broadcast_to(BOTH & ORDERED, scores.shape)
    reference = expected(bert4keras["efficient_global_pointer"])
    np.testing.assert_allclose(scores[possible], reference[possible], rtol=1e-4, atol=1e-4)
    assert (scores[~possible] == MASKED).all()
    weights = sum(np.prod(variable.shape) for variable in layer.weights)
    assert weights == 8 * 2 * HEAD + 2 * HEAD + 4 * TYPES * HEAD + 2 * TYPES


def test_links_between_any_two_tokens_know_no_order_and_no_distance(compute, x):
    layer = EfficientGlobalPointer(TYPES, HEAD, rotary=False, triangular=False)
    layer = EfficientGlobalPointer.from_config(layer.get_config())
    layer.build(x.shape)
    scores = compute(layer, x, MASK)
    kernel, bias, border_kernel, border_bias = (np.asarray(one) for one in layer.get_weights())
    for text, i, j in np.ndindex(2, 6, 6):
        features = [x[text, token] @ kernel + bias for token in (i, j)]
        product = features[0][:HEAD] @ features[1][HEAD:] / np.sqrt(HEAD)
        start, end = (one @ border_kernel + border_bias for one in features)
        expected = product + (start[:TYPES] + end[TYPES:]) / 2
        real = MASK[text, i] and MASK[text, j]
        np.testing.assert_allclose(
            scores[text, :, i, j], expected if real else [MASKED] * TYPES, rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("triangular", [True, False])
def test_no_span_has_a_special_token_in_it(compute, x, triangular):
    special = np.array([[1, 0, 0, 1, 0, 1], [0, 0, 1, 0, 0, 0]])
    layer = GlobalPointer(1, HEAD, triangular=triangular)
    layer.build(x.shape)
    scores = compute(layer, x, MASK, special)[:, 0]
    for text, start, end in np.ndindex(2, 6, 6):
        ends = MASK[text, [start, end]].all() and not special[text, [start, end]].any()
        inside = start <= end and not special[text, start : end + 1].any()
        assert (scores[text, start, end] > MASKED) == (ends and (inside or not triangular))


def test_scores_of_half_precision_are_float32(compute, x):
    scores = []
    for dtype in ("float32", "mixed_bfloat16"):
        layer = GlobalPointer(TYPES, HEAD, kernel_initializer=NORMAL, dtype=dtype)
        layer.build(x.shape)
        scores.append(compute(layer, x, MASK))
        assert scores[-1].dtype == "float32"
        assert np.isfinite(scores[-1]).all()
    np.testing.assert_allclose(*scores, atol=0.1)


def test_only_distances_count(compute, x):
    layer = GlobalPointer(TYPES, HEAD)
    layer.build(x.shape)
    moved = np.concatenate([np.zeros((2, 3, 8), "float32"), x], axis=1)
    scores = [compute(layer, each) for each in (x, moved)]
    np.testing.assert_allclose(scores[0], scores[1][:, :, 3:, 3:], atol=1e-4)


def test_spans_are_learned_in_a_compiled_fit():
    ids = np.random.default_rng(0).integers(3, size=(32, 6))
    # every token 2 is a span, and so is token 1 up to the token after it
    labels = np.zeros((32, TYPES, 6, 6), bool)
    text, token = np.nonzero(ids == 2)
    labels[text, 0, token, token] = True
    text, token = np.nonzero(ids[:, :-1] == 1)
    labels[text, 1, token, token + 1] = True
    set_random_seed(0)
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(3, 8)(inputs)
    model = keras.Model(inputs, EfficientGlobalPointer(TYPES, 8)(x))
    model.compile(keras.optimizers.Adam(0.05), loss=span_crossentropy)
    history = model.fit(ids, labels, batch_size=32, epochs=40, verbose=0).history["loss"]
    assert history[-1] < 0.3 * history[0]
    guesses = model.predict_on_batch(ids) > 0
    assert (guesses & labels).sum() > 0.8 * (guesses | labels).sum()
