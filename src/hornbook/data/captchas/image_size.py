"""Chooses the size that captchas are scaled to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hornbook.errors import OptionError

HEIGHTS = (48, 64)  # minimum and maximum height in pixels
LARGEST_WIDTH = 320
STEP = 8  # sizes are multiples of it: three stages of the network halve them


def image_size(sizes: Sequence[tuple[int, int]], size: str = "auto") -> tuple[int, int]:
    """Returns the `(width, height)` that images are scaled to: near their own, a multiple of 8.

    Args:
        sizes: Sizes of the images; their median is used.
        size: `"auto"`, or such as `"160x64"`.

    Raises:
        OptionError: `size` is neither.
    """
    if size != "auto":
        return _parse(size)
    width, height = (int(np.median([one[side] for one in sizes])) for side in (0, 1))
    factor = min(max(height, HEIGHTS[0]), HEIGHTS[1]) / height
    factor = min(factor, LARGEST_WIDTH / width)
    width, height = (max(2 * STEP, round(side * factor / STEP) * STEP) for side in (width, height))
    return width, height


def check_size(size: str) -> None:
    """Raises OptionError if `size` is neither `"auto"` nor such as `"160x64"`."""
    if size != "auto":
        _parse(size)


def _parse(size: str) -> tuple[int, int]:
    width, _, height = size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise OptionError(f"size is {size!r}, expected WIDTHxHEIGHT such as 160x64, or auto.")
    if not all(16 <= int(side) <= 1024 for side in (width, height)):
        raise OptionError(f"size is {size}: each side must be between 16 and 1024.")
    return int(width), int(height)
