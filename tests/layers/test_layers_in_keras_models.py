"""Every exported layer in a user's own model: masks, unknown dimensions, files."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

import hornbook.layers
from hornbook.layers import (
    CRF,
    MEMM,
    ConditionalLayerNormalization,
    EfficientGlobalPointer,
    FeedForward,
    GatedAttentionUnit,
    GlobalPointer,
    MaskedAveragePooling,
    MultiHeadAttention,
    RelativePositionBuckets,
    RelativePositions,
    RotaryPositions,
)
from hornbook.layers.matrices.dense import Dense
from hornbook.layers.matrices.frozen import FrozenPolicy

pytestmark = pytest.mark.backend

IDS = np.array([[5, 6, 7, 8, 0], [9, 10, 0, 0, 0]])
NORMAL = keras.initializers.TruncatedNormal(stddev=0.3)
CONFIG = keras.initializers.serialize(NORMAL)


@pytest.fixture(scope="module")
def model():
    """One of each layer, with positional first arguments and initializers in several forms.

    They take embeddings with their mask; the layers for positions take the IDs.
    """
    policy = keras.DTypePolicy("float32")
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(12, 4, mask_zero=True)(ids)
    outputs = [
        MultiHeadAttention(2, kernel_initializer=NORMAL, dtype=policy)(x),
        MultiHeadAttention(2, kernel_initializer=CONFIG, kind="window", kind_options={"window": 2})(
            x
        ),
        MultiHeadAttention(2)(x[:, :1], x),
        FeedForward(5, kernel_initializer=NORMAL, gated=True)(x),
        GatedAttentionUnit(5, head_size=4, kernel_initializer=NORMAL)(x),
        ConditionalLayerNormalization(epsilon=1e-6, dtype=policy)(x),
        MaskedAveragePooling(dtype=policy)(x),
        RelativePositionBuckets(2, embeddings_initializer=NORMAL)(ids),
        RelativePositions(4, dtype=policy)(ids),
        RotaryPositions(4, scaling={"rope_type": "linear", "factor": 2.0})(ids),
        CRF(4, allowed=~np.eye(4, dtype=bool), transition_initializer=NORMAL, dtype=policy)(x),
        GlobalPointer(3, 4, kernel_initializer=NORMAL, dtype=policy)(x),
        EfficientGlobalPointer(3, 4, kernel_initializer=NORMAL)(x),
        MEMM(4, rank=2, transition_initializer=CONFIG)(x),
    ]
    return keras.Model(ids, outputs)


def flat(outputs):
    return [ops.convert_to_numpy(y) for y in keras.tree.flatten(outputs)]


def test_every_exported_layer_can_be_saved_and_cloned_with_its_initializer(model, tmp_path):
    assert {type(layer).__name__ for layer in model.layers} >= {
        name for name in hornbook.layers.__all__ if isinstance(getattr(hornbook.layers, name), type)
    }
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for other in (loaded, clone):
        for output, expected in zip(flat(other(IDS)), flat(model(IDS)), strict=True):
            np.testing.assert_array_equal(output, expected)
    for name in ("multi_head_attention", "feed_forward", "gated_attention_unit"):
        layer = next(layer for layer in loaded.layers if layer.name.startswith(name))
        assert keras.initializers.serialize(layer.kernel_initializer)["config"]["stddev"] == 0.3


def test_unknown_dimensions_stay_unknown(model):
    shapes = [tuple(x.shape) for x in keras.tree.flatten(model.outputs)]
    x = (None, None, 4)
    assert shapes == [
        *(x, x, x, x, x, x),
        (None, 4),
        (None, 2, None, None),
        (None, None, None, 4),
        *[(None, 1, None, 2)] * 2,
        x,
        *[(None, 3, None, None)] * 2,
        x,
    ]


def test_the_mask_of_an_embedding_hides_its_padding_from_every_layer(model):
    before = flat(model(IDS))
    table = model.layers[1].embeddings
    values = ops.convert_to_numpy(table.value).copy()
    values[0] += 3.0  # the vector of padding
    table.assign(values)
    for output, expected in zip(flat(model(IDS)), before, strict=True):
        tokens = np.s_[IDS > 0] if output.shape[:2] == IDS.shape else np.s_[:]
        np.testing.assert_array_equal(output[tokens], expected[tokens])


def test_a_frozen_matrix_is_saved_with_its_policy(tmp_path):
    x = keras.Input((6,))
    model = keras.Model(x, Dense(3, dtype=FrozenPolicy("float32", "int8"))(x))
    model.layers[-1].matrix.assign(np.random.default_rng(0).normal(size=(6, 3)))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].dtype_policy.matrices_in == "int8"
    x = np.ones((2, 6), "float32")
    np.testing.assert_array_equal(*(ops.convert_to_numpy(m(x)) for m in (model, loaded)))
