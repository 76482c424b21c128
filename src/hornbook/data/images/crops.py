"""Square views of an image: random crops for training, fixed crops for prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

CENTRAL = 0.875  # side of a fixed view, as a share of the shorter side
VIEWS = (1, 2, 10)  # center; center and mirrored; center and corners, mirrored
RATIOS = (3 / 4, 4 / 3)  # range of width / height of a random crop


def random_crop(
    image: Image.Image, random: np.random.Generator, *, size: int, smallest: float
) -> np.ndarray:
    """Returns a random crop of the image, mirrored half of the time.

    Args:
        image: RGB.
        random: Determines the crop.
        size: Side of the result in pixels, whatever the shape of the crop.
        smallest: Minimum area of the crop, as a share of the image's.

    Returns:
        `(size, size, 3)` uint8.

    Reference: https://arxiv.org/abs/1409.4842
    """
    area = image.width * image.height * random.uniform(smallest, 1)
    ratio = np.exp(random.uniform(*np.log(RATIOS)))
    width = min(float(np.sqrt(area * ratio)), image.width)
    height = min(float(np.sqrt(area / ratio)), image.height)
    left = random.uniform(0, image.width - width)
    top = random.uniform(0, image.height - height)
    pixels = _resized(image, (left, top, left + width, top + height), size)
    return pixels[:, ::-1] if random.random() < 0.5 else pixels


def fixed_views(image: Image.Image, *, size: int, views: int = 1) -> np.ndarray:
    """Returns views of the center and the corners, without randomness.

    Args:
        image: RGB.
        size: Side in pixels.
        views: One of `VIEWS`.

    Returns:
        `(views, size, size, 3)` uint8; every second view mirrors the one before.
    """
    if views not in VIEWS:
        raise ValueError(f"views must be one of {VIEWS}, not {views}")
    side = CENTRAL * min(image.size)
    right, bottom = image.width - side, image.height - side
    places = [(right / 2, bottom / 2)]
    if views == 10:
        places += [(0, 0), (right, 0), (0, bottom), (right, bottom)]
    crops = [_resized(image, (x, y, x + side, y + side), size) for x, y in places]
    if views == 1:
        return crops[0][None]
    return np.stack([view for crop in crops for view in (crop, crop[:, ::-1])])


def _resized(image: Image.Image, box: tuple[float, float, float, float], size: int) -> np.ndarray:
    from PIL.Image import Resampling

    return np.asarray(image.resize((size, size), Resampling.BILINEAR, box=box))
