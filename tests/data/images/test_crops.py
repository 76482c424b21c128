"""Square views: within the image, mirrored in pairs, settled by nothing but the numbers."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.data.images.crops import CENTRAL, fixed_views, random_crop
from hornbook.data.seeding import random_of

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def slope():
    """Red says the column, green the row."""
    y, x = np.mgrid[:100, :160]
    pixels = np.stack([x, y, np.zeros_like(x)], axis=-1).astype(np.uint8)
    return Image.fromarray(pixels)


def test_random_crops_have_the_requested_area(slope):
    shares = []
    for number in range(200):
        crop = random_crop(slope, random_of(0, number), size=32, smallest=0.3).astype(float)
        assert crop.shape == (32, 32, 3)
        width = (crop[..., 0].max() - crop[..., 0].min()) * 32 / 31
        height = (crop[..., 1].max() - crop[..., 1].min()) * 32 / 31
        shares.append(width * height / (100 * 160))
    assert 0.25 < min(shares) < 0.4
    assert max(shares) > 0.8  # cut where a part of that shape does not fit
    mirrored = [
        random_crop(slope, random_of(0, number), size=8, smallest=0.3)[0, 0, 0]
        > random_crop(slope, random_of(0, number), size=8, smallest=0.3)[0, -1, 0]
        for number in range(100)
    ]
    assert 30 < sum(mirrored) < 70


def test_fixed_views_are_center_and_corners_and_their_mirror_images(slope):
    views = fixed_views(slope, size=20, views=10)
    assert views.shape == (10, 20, 20, 3)
    np.testing.assert_array_equal(views[1::2], views[::2, :, ::-1])
    middle = views[0].mean(axis=(0, 1))
    np.testing.assert_allclose(middle[:2], [79.5, 49.5], atol=1)
    corner = views[2].mean(axis=(0, 1))
    np.testing.assert_allclose(corner[:2], [100 * CENTRAL / 2] * 2, atol=1)
    np.testing.assert_array_equal(fixed_views(slope, size=20, views=2), views[:2])
    np.testing.assert_array_equal(fixed_views(slope, size=20), views[:1])
    with pytest.raises(ValueError, match="views"):
        fixed_views(slope, size=20, views=3)
