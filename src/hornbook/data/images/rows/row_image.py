"""Images that are values of rows: a path, encoded bytes, pixels, a mapping with bytes and path."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.errors import require

if TYPE_CHECKING:
    from PIL import Image

EXPECTED = (
    "expected a path, the bytes of an image file, a PIL image, or uint8 pixels "
    "(height, width[, channels])"
)
LONGEST_PATH = 100  # characters in messages


@dataclass(frozen=True, eq=False, slots=True)
class RowImage:
    """The image of a row, in place of a file.

    Attributes:
        where: What messages call the row: `row 3`, `train.parquet:3`.
        content: A file, the contents of one, or a PIL image; None if the value is no image.
        path: The file name in the row; None if it has none.
        fault: Why the value is no image; "" if it is one.
        extra: What an answer repeats of the row.
    """

    where: str
    content: Path | bytes | Image.Image | None
    path: str | None = None
    fault: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.path:
            return self.where
        shortened = len(self.path) > LONGEST_PATH
        return f"{self.where} ({self.path[:LONGEST_PATH]}{'...' if shortened else ''})"

    @property
    def name(self) -> str:
        """What captions call the image."""
        return str(self)


ImageFile = Path | RowImage  # what recipes learn from


def row_image(
    value: Any,
    where: str,
    *,
    folder: Path = Path(),
    key: str = "image",
    extra: Mapping[str, Any] | None = None,
) -> RowImage:
    """Returns the image of a row; its `fault` says if the value is no image.

    Args:
        value: A path, bytes, a mapping with `bytes` or `path`, a PIL image, or integers from 0 to
            255, `(height, width)` or `(height, width, channels)` with 1 (gray), 2 (and opacity), 3
            (RGB) or 4 channels.
        where: What messages call the row.
        folder: The folder that paths are relative to.
        key: Name of the value, for messages.
        extra: See `RowImage`.
    """
    content, path, fault = _content(value, folder)
    return RowImage(where, content, path, fault and f"{key!r} {fault}", extra or {})


def _content(value: Any, folder: Path) -> tuple[Path | bytes | Image.Image | None, str | None, str]:
    """Returns the content, its path and what is wrong with it."""
    path = None
    if isinstance(value, Mapping):
        path = value.get("path")
        path = path if isinstance(path, str) and path else None
        value = path if value.get("bytes") is None else value["bytes"]
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value), path, ""
    if isinstance(value, str | PathLike) and fspath(value):
        return folder / Path(fspath(value)), str(value), ""
    pillow = sys.modules.get("PIL.Image")  # without it no value is an image of Pillow
    if pillow is not None and isinstance(value, pillow.Image):
        return value, getattr(value, "filename", None) or None, ""
    if isinstance(value, np.ndarray) or (isinstance(value, list) and value):
        return _of_pixels(value)
    is_empty = isinstance(value, str | list) or (isinstance(value, float) and value != value)
    if value is None or is_empty:  # NaN is an empty cell
        return None, None, "is missing"
    return None, None, f"is of type {type(value).__name__}; {EXPECTED}"


def _of_pixels(value: Any) -> tuple[Image.Image | None, None, str]:
    try:
        pixels = np.asarray(value)
    except ValueError:  # rows of different lengths
        return None, None, f"is a list; {EXPECTED}"
    shape = pixels.shape
    if pixels.dtype.kind not in "iu" or not (
        len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 2, 3, 4))
    ):
        return None, None, f"is an array {shape} of {pixels.dtype}; {EXPECTED}"
    if not pixels.size:
        return None, None, f"is an array {shape} without pixels"
    if pixels.dtype != np.uint8 and (pixels.min() < 0 or pixels.max() > 255):
        return None, None, f"has values from {pixels.min()} to {pixels.max()}, expected 0 to 255"
    if len(shape) == 3 and shape[2] == 1:
        pixels = pixels[:, :, 0]
    pillow = require("PIL.Image", extra="vision", package="Pillow")
    return pillow.fromarray(np.ascontiguousarray(pixels, np.uint8)), None, ""
