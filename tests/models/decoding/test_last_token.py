import functools

import keras
import numpy as np
import pytest

from hornbook.models.decoding.last_token import LastToken

IDS = np.random.RandomState(0).randint(1, 9, (5, 40))


@functools.cache
def model(sees_padding=False):
    """Sums the ids up to each position; with `sees_padding` also the ids after it."""
    ids, mark = keras.Input((None,), dtype="int32"), keras.Input((2,))
    vectors = keras.layers.Embedding(10, 4)(ids)
    totals = keras.ops.cumsum(vectors, axis=1) + keras.ops.expand_dims(mark[:, :1], 1)
    if sees_padding:
        totals = totals + keras.ops.sum(vectors, axis=1, keepdims=True)
    return keras.Model([ids, mark], totals)


@pytest.fixture
def calls(monkeypatch):
    """Returns a function that records the shape of the ids in each call of both models."""

    def record(last):
        shapes = {"_exact": [], "_at_index": []}
        for name, seen in shapes.items():
            inner = getattr(last, name)

            def counted(inputs, original=inner.predict_on_batch, seen=seen):
                seen.append(np.shape(inputs[0]))
                return original(inputs)

            monkeypatch.setattr(inner, "predict_on_batch", counted)
        return shapes

    return record


@pytest.mark.backend
def test_outputs_are_those_of_the_last_position():
    whole = model()
    last, mark = LastToken(whole), np.ones((3, 2))
    for length in (5, 7):
        expected = whole.predict_on_batch([IDS[:3, :length], mark])[:, -1]
        outputs = last.predict([IDS[:3, :length], mark], verbose=0)
        np.testing.assert_allclose(outputs, expected, rtol=1e-5)


@pytest.mark.skipif(keras.config.backend() != "jax", reason="others compile no shapes")
def test_lengths_and_rows_are_padded_to_a_few(calls):
    last = LastToken(model())
    shapes = calls(last)
    for rows, length in ((1, 16), (3, 5), (3, 6), (4, 16), (5, 17)):
        last.predict([IDS[:rows, :length], np.ones((rows, 2))])
    # the first that needs padding is computed both ways
    assert shapes["_exact"] == [(1, 16), (3, 5)]
    assert shapes["_at_index"] == [(4, 16), (4, 16), (4, 16), (8, 24)]


def test_a_model_that_sees_padding_is_never_padded(calls):
    whole = model(sees_padding=True)
    last, mark = LastToken(whole), np.ones((1, 2))
    shapes = calls(last)
    for length in (5, 7):
        expected = whole.predict_on_batch([IDS[:1, :length], mark])[:, -1]
        np.testing.assert_allclose(last.predict([IDS[:1, :length], mark]), expected, rtol=1e-5)
    assert shapes["_exact"] == [(1, 5), (1, 7)]
    assert len(shapes["_at_index"]) <= 1


def test_texts_that_padding_makes_too_long_are_not_padded():
    ids = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(10, 4)(ids)
    positions = keras.ops.cumsum(keras.ops.ones_like(ids), axis=1)
    too_long = keras.ops.where(positions[:, -1:] > 20, float("nan"), 0.0)
    whole = keras.Model(ids, keras.ops.cumsum(vectors, axis=1) + too_long[..., None])
    last = LastToken(whole)
    for length in (5, 18, 6):  # padded to 16, 24, 16
        expected = whole.predict_on_batch(IDS[:1, :length])[:, -1]
        np.testing.assert_allclose(last.predict(IDS[:1, :length]), expected, rtol=1e-5)


def test_many_rows_are_computed_in_parts_and_several_outputs_are_a_list():
    whole = model()
    both = keras.Model(whole.inputs, [whole.outputs[0], whole.outputs[0] * 2])
    ids = np.tile(IDS, (8, 1))[:, :16]
    one, other = LastToken(both).predict([ids, np.ones((40, 2))])
    assert one.shape == (40, 4)
    np.testing.assert_allclose(other, 2 * one)
