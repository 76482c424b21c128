"""Layers of tagging in a model of the user's own: compiled training, files, clones."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.layers import CRF

pytestmark = pytest.mark.backend


class Tagger(keras.Model):
    """Tags from ids, with a layer that is left to Keras to build."""

    def __init__(self, layer):
        super().__init__()
        self.embedding = keras.layers.Embedding(3, 2, mask_zero=True)
        self.layer = layer

    def call(self, ids):
        return self.layer(self.embedding(ids))


@pytest.fixture
def tagger():
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(3, 2, mask_zero=True, embeddings_initializer="zeros")(ids)
    return keras.Model(ids, CRF(2, transition_multiplier=10.0)(x))


def test_it_learns_in_a_compiled_fit_and_is_saved_and_cloned(tagger, alternating, tmp_path):
    ids, tags = alternating
    crf = tagger.layers[-1]
    tagger.compile(keras.optimizers.Adam(0.03), loss=crf.loss)
    history = tagger.fit(ids, tags, batch_size=24, epochs=10, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    assert np.abs(ops.convert_to_numpy(crf.scores()[0])).min() > 0.5
    emissions = tagger.predict_on_batch(ids)
    tagger.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    clone = keras.models.clone_model(tagger)
    clone.set_weights(tagger.get_weights())
    for other in (loaded, clone):
        np.testing.assert_array_equal(ops.convert_to_numpy(other(ids)), emissions)
        np.testing.assert_array_equal(other.layers[-1].decode(emissions), crf.decode(emissions))
        with pytest.raises(ValueError, match="Compile the model again"):
            other.test_on_batch(ids, tags)


def test_padding_costs_nothing_in_a_subclassed_model(alternating):
    ids, tags = alternating
    crf = CRF(2, transition_initializer=keras.initializers.RandomNormal(seed=1))
    model = Tagger(crf)
    model.compile(loss=crf.loss)
    loss = model.test_on_batch(ids, tags)
    assert model.test_on_batch(ids, np.where(ids > 0, tags, 1 - tags)) == pytest.approx(loss)
