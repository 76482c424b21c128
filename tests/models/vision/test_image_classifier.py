"""The image classifier: its outputs are consistent, and its heat map uses the true gradient."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from hornbook.models.vision.image_classifier import ImageClassifier  # noqa: E402

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "gated"])
def model(request, tiny_backbone):
    keras.utils.set_random_seed(0)
    classifier = ImageClassifier(3, backbone="Tiny", weights="none", gated=request.param)
    random = np.random.default_rng(0)
    for variable in classifier.head.variables:
        variable.assign(random.normal(scale=0.3, size=variable.shape))
    return classifier


def outputs_of(model, images):
    return {
        name: keras.ops.convert_to_numpy(value)
        for name, value in model.network(images, training=False).items()
    }


def test_pooled_features_are_the_mean_of_the_map_for_any_image_size(model):
    for size in (32, 40):
        images = np.random.default_rng(1).uniform(0, 255, (2, size, size, 3)).astype("float32")
        outputs = outputs_of(model, images)
        np.testing.assert_allclose(outputs["pooled"], outputs["map"].mean(axis=(1, 2)), rtol=1e-4)
        assert outputs["logits"].shape == (2, 3)
        assert outputs["features"].shape == (2, model.feature_size)


def test_the_gradient_equals_finite_differences(model):
    random = np.random.default_rng(2)
    pooled = random.normal(size=(1, 12))
    labels = np.array([1])
    step = 1e-2
    shifted = np.concatenate([pooled + step * np.eye(12), pooled - step * np.eye(12)])
    logits = keras.ops.convert_to_numpy(model.head(shifted.astype("float32"))["logits"])[:, 1]
    expected = (logits[:12] - logits[12:]) / (2 * step)
    np.testing.assert_allclose(model.gradient(pooled, labels)[0], expected, rtol=0.02, atol=2e-3)


def test_the_heat_map_is_highest_at_the_features_of_the_class(model):
    maps = np.zeros((1, 4, 4, 12))
    maps[0, 1, 2] = 8 * model.gradient(np.zeros((1, 12)), np.array([2]))[0]
    heat = model.heat(maps, np.array([2]))
    assert heat.shape == (1, 4, 4)
    assert heat[0, 1, 2] == heat.max() == 1
    assert np.count_nonzero(heat) == 1
    assert not model.heat(np.zeros((1, 4, 4, 12)), np.array([0])).any()
