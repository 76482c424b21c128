"""The training step of an image classifier: losses as in NumPy, and Keras's augmentations."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from hornbook.layers.center_loss import CenterLoss  # noqa: E402
from hornbook.training.images.training_step import MIXING, ClassificationObjective, augmentations  # noqa: E402

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


def test_the_loss_has_class_weights_label_smoothing_and_center_loss():
    network, inputs = make_network(), make_inputs()
    centers = CenterLoss(CLASSES)
    centers.build((None, 3))
    centers.centers.assign(np.arange(9).reshape(3, 3))
    weights = [1.0, 2.0, 0.5]
    model = ClassificationObjective(
        network, class_weights=weights, label_smoothing=0.3, center_loss=(centers, 0.01)
    )
    model.compile("sgd")
    images, targets = inputs["images"].astype("float32"), inputs["targets"]
    outputs = {k: keras.ops.convert_to_numpy(v) for k, v in network(images).items()}
    logits = outputs["logits"] - outputs["logits"].max(axis=1, keepdims=True)
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    smooth = targets * 0.7 + 0.3 / CLASSES
    losses = -(smooth * log_probabilities).sum(axis=1) * (targets @ weights)
    distances = outputs["features"] - targets @ np.arange(9).reshape(3, 3)
    losses += 0.01 * 0.5 * (distances**2).sum(axis=1)
    assert float(model.train_on_batch(inputs)) == pytest.approx(losses.mean(), rel=1e-3)


@pytest.mark.parametrize("mixing", [kind for kind in MIXING if kind != "none"])
def test_images_and_labels_are_mixed_in_the_same_ratio_which_changes_per_batch(mixing):
    size = 64  # a pasted piece has whole pixels, the share of its label is the exact area
    targets = make_inputs(8)["targets"]
    values = np.array([0.0, 100.0, 200.0], "float32")
    images = np.repeat(targets @ values, size * size * 3).reshape(8, size, size, 3)
    data = {"images": images, "labels": targets}
    (layer,) = augmentations(mixing=mixing, seed=3)
    labels = []
    for _ in range(3):
        mixed = {k: keras.ops.convert_to_numpy(v) for k, v in layer(data, training=True).items()}
        np.testing.assert_allclose(mixed["labels"].sum(axis=1), 1, rtol=1e-5)
        means = mixed["images"].mean(axis=(1, 2, 3))
        np.testing.assert_allclose(means, mixed["labels"] @ values, atol=10)
        labels.append(mixed["labels"])
    assert not np.array_equal(labels[0], labels[1]) or not np.array_equal(labels[1], labels[2])


def test_rand_augment_changes_images_but_not_labels():
    inputs = make_inputs(2)
    data = {"images": inputs["images"].astype("float32"), "labels": inputs["targets"]}
    (layer,) = augmentations(rand_augment=0.3, seed=1)
    layer.num_ops = 1  # JAX compiles every operation for each

    class Training(keras.Model):
        def __init__(self):
            super().__init__()
            self.layer = layer
            self.built = True  # building would trace all operations once more, which is slow on JAX

        def call(self, data):
            return self.layer(data, training=True)

    outputs = Training().predict_on_batch(data)  # compiled, as in a training
    np.testing.assert_array_equal(outputs["labels"], data["labels"])
    assert not np.allclose(outputs["images"], data["images"])
    assert outputs["images"].min() >= 0
    assert outputs["images"].max() <= 255


def test_augmentation_is_only_for_training_and_random_states_are_variables():
    layers = augmentations(rand_augment=0.3, erasing=1.0, mixing="both", seed=1)
    model = ClassificationObjective(
        make_network(), augmentations=layers, class_weights=[1.0] * CLASSES
    )
    inputs = make_inputs()
    expected = keras.ops.convert_to_numpy(model.network(inputs["images"])["logits"])
    for _ in range(2):
        logits = keras.ops.convert_to_numpy(model(inputs, training=False))
        np.testing.assert_allclose(logits, expected, rtol=1e-5)
    states = [variable for variable in model.variables if "seed_generator" in variable.path]
    assert len(states) >= 4
