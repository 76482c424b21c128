"""Center loss: half the squared distance to the centers of the classes."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from hornbook.layers.center_loss import CenterLoss  # noqa: E402

pytestmark = pytest.mark.backend


def test_it_is_half_the_weighted_squared_distance_to_the_centers():
    random = np.random.default_rng(0)
    features = random.normal(size=(5, 4)).astype("float32")
    targets = random.dirichlet(np.ones(3), size=5).astype("float32")
    layer = CenterLoss(3)
    layer.build(features.shape)
    centers = random.normal(size=(3, 4)).astype("float32")
    layer.centers.assign(centers)
    squares = ((features[:, None] - centers[None]) ** 2).sum(axis=-1)
    losses = keras.ops.convert_to_numpy(layer(features, targets))
    np.testing.assert_allclose(losses, 0.5 * (targets * squares).sum(axis=1), rtol=1e-4)
