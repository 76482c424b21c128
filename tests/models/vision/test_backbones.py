"""Networks of `keras.applications` by name: preprocessing, weights, learning rates."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.errors import CheckpointError, HornbookError, OptionError
from hornbook.models.vision.backbones import (
    GROUPS,
    backbone_names,
    backbone_rates,
    make_backbone,
    preprocessing,
)

keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return make_backbone("MobileNet", alpha=0.25)


def test_all_networks_of_keras_applications_are_known():
    assert {"Xception", "ResNet50", "EfficientNetV2B0", "MobileNetV3Small"} <= set(backbone_names())
    assert len(backbone_names()) > 30


@pytest.mark.parametrize("name", backbone_names())
def test_preprocessing_in_the_network_equals_that_of_arrays(name):
    images = np.random.default_rng(0).uniform(0, 255, (1, 2, 3, 3)).astype("float32")
    prepare = preprocessing(name)
    inputs = keras.Input((None, None, 3))
    inside = keras.Model(inputs, keras.layers.Identity()(prepare(inputs)))
    np.testing.assert_allclose(
        inside.predict_on_batch(images), prepare(images.copy()), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("top", [False, True])
def test_weights_saved_with_or_without_the_classifier_can_be_read(network, top, tmp_path):
    options = {"weights": None, "alpha": 0.25, "include_top": top}
    saved = keras.applications.MobileNet(**options, input_shape=None if top else (64, 64, 3))
    file = tmp_path / "saved.weights.h5"
    saved.save_weights(file)
    loaded = make_backbone("MobileNet", alpha=0.25, weights=str(file))
    for weight, expected in zip(loaded.get_weights(), saved.get_weights(), strict=False):
        np.testing.assert_array_equal(weight, expected)


def test_weights_of_another_network_are_refused_with_both_reasons(network, tmp_path):
    file = tmp_path / "small.weights.h5"
    network.save_weights(file)
    with pytest.raises(CheckpointError, match="another --alpha") as info:
        make_backbone("MobileNet", alpha=0.5, weights=str(file))
    assert "MobileNet with alpha 0.5" in str(info.value)
    (tmp_path / "none.h5").write_bytes(b"this is not HDF5")
    with pytest.raises(CheckpointError, match="without the classifier"):
        make_backbone("MobileNet", alpha=0.5, weights=str(tmp_path / "none.h5"))
    with pytest.raises(HornbookError, match="does not exist"):
        make_backbone("MobileNet", weights=str(tmp_path / "missing.h5"))
    with pytest.raises(CheckpointError, match=r"\.h5 file"):
        make_backbone("MobileNet", weights=__file__)


def test_the_error_without_a_connection_names_the_alternatives(monkeypatch, tmp_path):
    import urllib.error

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", refuse)
    with pytest.raises(HornbookError, match="weights of MobileNet cannot be downloaded") as info:
        make_backbone("MobileNet", alpha=0.25, weights="imagenet")
    assert "https://" in str(info.value)
    assert "--weights FILE" in str(info.value)


def test_an_unknown_name_or_width_is_refused():
    with pytest.raises(OptionError, match="Did you mean 'Xception'"):
        make_backbone("Xcepton")
    with pytest.raises(OptionError, match="no alpha"):
        make_backbone("Xception", alpha=0.5)


def test_rates_shrink_toward_the_input(network):
    rates = backbone_rates(network, 0.5)
    assert len(rates) == len(network.trainable_variables)
    in_order = [rates[variable.path] for variable in network.trainable_variables]
    assert in_order == sorted(in_order)
    assert (in_order[0], in_order[-1]) == (0.5**GROUPS, 0.5)
