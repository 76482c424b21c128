"""Square views of an image: a random part of it to learn from, settled parts to judge by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

CENTRAL = 0.875  # side of a settled view, of the shorter side of the image
VIEWS = (1, 2, 10)  # the middle; with its mirror image; the middle and the corners with theirs
RATIOS = (3 / 4, 4 / 3)  # width to height of a random part


def random_crop(
    image: Image.Image, random: np.random.Generator, *, size: int, smallest: float
) -> np.ndarray:
    """A random part of the image, mirrored half of the time.

    Args:
        image: RGB.
        random: Settles the part.
        size: Pixels of a side of the result, whatever the part's shape.
        smallest: Share of the image's area that the part has at least.

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


def settled_views(image: Image.Image, *, size: int, views: int = 1) -> np.ndarray:
    """Views of the middle and the corners, without chance.

    Args:
        image: RGB.
        size: Pixels of a side.
        views: One of `VIEWS`.

    Returns:
        `(views, size, size, 3)` uint8; each second one is the mirror image of the one before.
    """
    if views not in VIEWS:
        raise ValueError(f"views must be one of {VIEWS}, not {views}")
    side = CENTRAL * min(image.size)
    right, bottom = image.width - side, image.height - side
    places = [(right / 2, bottom / 2)]
    if views == 10:
        places += [(0, 0), (right, 0), (0, bottom), (right, bottom)]
    found = [_resized(image, (x, y, x + side, y + side), size) for x, y in places]
    if views == 1:
        return found[0][None]
    return np.stack([view for one in found for view in (one, one[:, ::-1])])


def _resized(image: Image.Image, box: tuple[float, float, float, float], size: int) -> np.ndarray:
    from PIL.Image import Resampling

    return np.asarray(image.resize((size, size), Resampling.BILINEAR, box=box))
