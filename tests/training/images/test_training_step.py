"""What an image classifier is trained by: the loss NumPy computes, on the labels Keras mixed."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from hornbook.layers.center_loss import CenterLoss  # noqa: E402
from hornbook.training.images.training_step import MIXING, Classifying, augmentations  # noqa: E402

pytestmark = pytest.mark.backend

CLASSES = 3


def make_network():
    keras.utils.set_random_seed(0)
    images = keras.Input((8, 8, 3))
    features = keras.layers.GlobalAveragePooling2D()(images)
    logits = keras.layers.Dense(CLASSES)(features)
    return keras.Model(images, {"features": features, "logits": logits})


def make_inputs(rows=4):
    random = np.random.default_rng(0)
    targets = np.eye(CLASSES, dtype="float32")[random.integers(0, CLASSES, rows)]
    return {"images": random.uniform(0, 255, (rows, 8, 8, 3)), "targets": targets}


def test_the_loss_is_weighted_smoothed_and_drawn_to_the_centers():
    network, inputs = make_network(), make_inputs()
    centers = CenterLoss(CLASSES)
    centers.build((None, 3))
    centers.centers.assign(np.arange(9).reshape(3, 3))
    weights = [1.0, 2.0, 0.5]
    model = Classifying(
        network, class_weights=weights, label_smoothing=0.3, center_loss=(centers, 0.01)
    )
    model.compile("sgd")
    images, targets = inputs["images"].astype("float32"), inputs["targets"]
    found = {k: keras.ops.convert_to_numpy(v) for k, v in network(images).items()}
    logits = found["logits"] - found["logits"].max(axis=1, keepdims=True)
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    smooth = targets * 0.7 + 0.3 / CLASSES
    losses = -(smooth * log_probabilities).sum(axis=1) * (targets @ weights)
    away = found["features"] - targets @ np.arange(9).reshape(3, 3)
    losses += 0.01 * 0.5 * (away**2).sum(axis=1)
    assert float(model.train_on_batch(inputs)) == pytest.approx(losses.mean(), rel=1e-3)


@pytest.mark.parametrize("mixing", [kind for kind in MIXING if kind != "none"])
def test_images_and_labels_are_mixed_alike_and_differently_each_time(mixing):
    size = 64  # a pasted piece has whole pixels, its label's share the exact area
    targets = make_inputs(8)["targets"]
    values = np.array([0.0, 100.0, 200.0], "float32")
    images = np.repeat(targets @ values, size * size * 3).reshape(8, size, size, 3)
    data = {"images": images, "labels": targets}
    (layer,) = augmentations(mixing=mixing, seed=3)
    seen = []
    for _ in range(3):
        found = {k: keras.ops.convert_to_numpy(v) for k, v in layer(data, training=True).items()}
        np.testing.assert_allclose(found["labels"].sum(axis=1), 1, rtol=1e-5)
        means = found["images"].mean(axis=(1, 2, 3))
        np.testing.assert_allclose(means, found["labels"] @ values, atol=10)
        seen.append(found["labels"])
    assert not np.array_equal(seen[0], seen[1]) or not np.array_equal(seen[1], seen[2])


def test_rand_augment_changes_images_and_leaves_labels():
    inputs = make_inputs(2)
    data = {"images": inputs["images"].astype("float32"), "labels": inputs["targets"]}
    (layer,) = augmentations(rand_augment=0.3, seed=1)
    layer.num_ops = 1  # JAX compiles all operations for each

    class Training(keras.Model):
        def __init__(self):
            super().__init__()
            self.layer = layer
            self.built = True  # JAX is slow enough at following all operations once

        def call(self, data):
            return self.layer(data, training=True)

    found = Training().predict_on_batch(data)  # compiled, as in a training
    np.testing.assert_array_equal(found["labels"], data["labels"])
    assert not np.allclose(found["images"], data["images"])
    assert found["images"].min() >= 0
    assert found["images"].max() <= 255


def test_nothing_is_changed_outside_of_training_and_random_states_are_variables():
    layers = augmentations(rand_augment=0.3, erasing=1.0, mixing="both", seed=1)
    model = Classifying(make_network(), augmentations=layers, class_weights=[1.0] * CLASSES)
    inputs = make_inputs()
    expected = keras.ops.convert_to_numpy(model.network(inputs["images"])["logits"])
    for _ in range(2):
        found = keras.ops.convert_to_numpy(model(inputs, training=False))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    states = [variable for variable in model.variables if "seed_generator" in variable.path]
    assert len(states) >= 4
