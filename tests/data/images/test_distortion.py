import numpy as np
import pytest
from PIL import Image

from hornbook.data.images.distortion import distorted, resized
from hornbook.data.seeding import random_of


@pytest.fixture
def pixels():
    pixels = np.full((32, 80, 3), 240, np.uint8)
    pixels[8:24, 20:60] = (30, 60, 90)
    return pixels


def test_strength_zero_changes_nothing(pixels):
    assert distorted(pixels, random_of(0), 0) is pixels


def test_a_distortion_is_determined_by_its_generator(pixels):
    before = pixels.copy()
    first, again, other = (distorted(pixels, random_of(seed), 1) for seed in (1, 1, 2))
    assert first.shape == pixels.shape
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any()
    assert (pixels == before).all()


def test_occlusions_stay_within_the_image(pixels):
    dark = [(distorted(pixels, random_of(seed), 1).mean(axis=2) < 160).mean() for seed in range(50)]
    assert np.mean(dark) == pytest.approx((pixels.mean(axis=2) < 160).mean(), abs=0.06)
    assert min(dark) > 0.1


def test_an_image_of_the_right_size_is_not_resized(pixels):
    image = Image.fromarray(pixels)
    assert (resized(image, (80, 32)) == pixels).all()
    assert resized(image, (40, 16)).shape == (16, 40, 3)
