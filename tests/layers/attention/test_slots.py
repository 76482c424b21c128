import keras
import numpy as np
import pytest

from hornbook.layers.attention.slots import SlotAttention

pytestmark = pytest.mark.backend


def test_each_slot_is_a_mean_of_columns_further_right_than_the_previous_one():
    layer = SlotAttention(3)
    positions = np.arange(12, dtype="float32")
    x = np.stack([positions, np.ones(12, "float32")], axis=1)[None]
    layer.build(x.shape)
    layer.by_content.kernel.assign(np.zeros((9, 2, 3)))
    vectors = keras.ops.convert_to_numpy(layer(x))
    assert vectors.shape == (1, 3, 2)
    np.testing.assert_allclose(vectors[0, :, 1], 1, rtol=1e-5)  # the weights sum to 1
    assert (np.diff(vectors[0, :, 0]) > 1).all()


def test_the_features_of_a_column_can_attract_a_slot():
    layer = SlotAttention(2, context=1)
    x = np.zeros((1, 8, 4), "float32")
    x[0, 6, 0] = 1
    layer.build(x.shape)
    layer.by_content.kernel.assign(np.eye(4)[None, :, [0, 1]] * 100)
    vectors = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(vectors[0, 0, 0], 1, rtol=1e-4)
    assert vectors[0, 1, 0] < 0.5


def test_the_features_beside_a_column_can_attract_a_slot():
    layer = SlotAttention(1, context=3)
    x = np.zeros((1, 8, 2), "float32")
    x[0, 5] = 1, 0
    x[0, 6] = 0, 1
    layer.build(x.shape)
    kernel = np.zeros((3, 2, 1))
    kernel[0, 0] = 100  # the column whose left neighbor has the first feature
    layer.by_content.kernel.assign(kernel)
    vectors = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(vectors[0, 0], [0, 1], atol=1e-4)
