import keras
import numpy as np
import pytest

from hornbook.layers.attention.slots import SlotAttention

pytestmark = pytest.mark.backend


def test_each_slot_is_a_mean_of_columns_and_looks_further_right_than_the_one_before():
    layer = SlotAttention(3)
    places = np.arange(12, dtype="float32")
    x = np.stack([places, np.ones(12, "float32")], axis=1)[None]
    layer.build(x.shape)
    layer.by_content.kernel.assign(np.zeros((9, 2, 3)))
    found = keras.ops.convert_to_numpy(layer(x))
    assert found.shape == (1, 3, 2)
    np.testing.assert_allclose(found[0, :, 1], 1, rtol=1e-5)  # the weights sum up to 1
    assert (np.diff(found[0, :, 0]) > 1).all()


def test_what_stands_in_a_column_can_draw_a_slot_to_it():
    layer = SlotAttention(2, context=1)
    x = np.zeros((1, 8, 4), "float32")
    x[0, 6, 0] = 1
    layer.build(x.shape)
    layer.by_content.kernel.assign(np.eye(4)[None, :, [0, 1]] * 100)
    found = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(found[0, 0, 0], 1, rtol=1e-4)
    assert found[0, 1, 0] < 0.5


def test_a_slot_looks_at_a_column_for_what_stands_beside_it():
    layer = SlotAttention(1, context=3)
    x = np.zeros((1, 8, 2), "float32")
    x[0, 5] = 1, 0
    x[0, 6] = 0, 1
    layer.build(x.shape)
    kernel = np.zeros((3, 2, 1))
    kernel[0, 0] = 100  # the column whose left neighbour has the first feature
    layer.by_content.kernel.assign(kernel)
    found = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(found[0, 0], [0, 1], atol=1e-4)
