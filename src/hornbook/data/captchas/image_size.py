"""The size that captchas are made before they are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hornbook.errors import OptionError

HEIGHTS = (48, 64)  # pixels that an image is made high: small ones larger, large ones smaller
LARGEST_WIDTH = 320
STEP = 8  # sizes are multiples of it: three stages of the trunk halve them


def image_size(sizes: Sequence[tuple[int, int]], wanted: str = "auto") -> tuple[int, int]:
    """The `(width, height)` that images are made: near their own, a multiple of 8.

    Args:
        sizes: Of the images, of which the middle one counts.
        wanted: `"auto"`, or `"160x64"`.

    Raises:
        OptionError: it is neither.
    """
    if wanted != "auto":
        return _parsed(wanted)
    width, height = (int(np.median([size[side] for size in sizes])) for side in (0, 1))
    factor = min(max(height, HEIGHTS[0]), HEIGHTS[1]) / height
    factor = min(factor, LARGEST_WIDTH / width)
    width, height = (max(2 * STEP, round(side * factor / STEP) * STEP) for side in (width, height))
    return width, height


def check_size(wanted: str) -> None:
    """Raises:
    OptionError: this is no size that could be wanted.
    """
    if wanted != "auto":
        _parsed(wanted)


def _parsed(size: str) -> tuple[int, int]:
    width, _, height = size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise OptionError(f"size is {size!r}, expected WIDTHxHEIGHT such as 160x64, or auto.")
    if not all(16 <= int(side) <= 1024 for side in (width, height)):
        raise OptionError(f"size is {size}: each side must be from 16 to 1024.")
    return int(width), int(height)
