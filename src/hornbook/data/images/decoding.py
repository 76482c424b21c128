"""Decodes image files: any common format, always upright, opaque, 8-bit RGB.

Transparent images are placed on white, animated ones give their first frame, CMYK and 16-bit
images become RGB, and EXIF rotation is applied.  An image that declares more pixels than allowed
is refused before it is decoded: half a megabyte can expand to gigabytes.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hornbook.data.images.formats import FORMATS, foreign_kind
from hornbook.data.images.rows.row_image import ImageFile, RowImage
from hornbook.data.readers.problems import Problems
from hornbook.errors import DataError, HornbookError, require

if TYPE_CHECKING:
    from PIL import Image

# a file, the contents of one, the image of a row, or an image of Pillow
Source: TypeAlias = "str | Path | bytes | RowImage | Image.Image"

MAX_PIXELS = 64_000_000  # about the size of the largest camera images
WHITE = (255, 255, 255, 255)
_PILLOW = threading.Lock()  # Pillow reads files and EXIF when first asked, in one thread at a time


def read_image(
    source: Source,
    *,
    near: tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
    where: str | None = None,
) -> Image.Image:
    """Reads an image.

    Args:
        source: A file, the contents of one, the image of a row, or an image of Pillow.
        near: `(width, height)` needed: a much larger JPEG is decoded at half, a quarter or an
            eighth of its size, but never below this.
        max_pixels: Maximum width times height.
        where: Name of the image in messages.  Defaults to its path or row.

    Returns:
        An image of mode RGB, fully decoded.

    Raises:
        DataError: with the file and the reason: missing, not an image, damaged, truncated or too
            large.
        MissingExtraError: Pillow is not installed.
    """
    image_module = require("PIL.Image", extra="vision", package="Pillow")
    name = where or _name_of(source)
    data = read_contents(source, where=name)
    if not data:
        raise DataError(f"{name} cannot be read: the file is empty.")
    with _decoding(name, data):
        if not isinstance(data, bytes):
            _check_size(data.size, max_pixels, name)
            with _PILLOW:
                return _upright_rgb(data)
        with image_module.open(io.BytesIO(data), formats=_formats()) as image:
            _check_size(image.size, max_pixels, name)
            if near is not None:
                image.draft("RGB", near)
            return _upright_rgb(image)


def read_contents(source: Source, *, where: str | None = None) -> bytes | Image.Image:
    """Reads the bytes of an image file; an image of Pillow is returned as it is.

    Args:
        source, where: See `read_image`.

    Raises:
        DataError: the file cannot be read, or the value of a row is no image.
    """
    name = where or _name_of(source)
    if isinstance(source, RowImage):
        if source.content is None:
            raise DataError(f"{name}: {source.fault}.")
        source = source.content
    if not isinstance(source, str | Path):
        return source
    try:
        return Path(source).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{name} cannot be read: {reason}.") from None


def digest_of(source: Source) -> str:
    """Returns the SHA-256 of the contents of an image file, or of the pixels of an image of Pillow.

    Raises:
        DataError: it cannot be read.
    """
    data = read_contents(source)
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest()
    with _decoding(_name_of(source), data), _PILLOW:
        pixels = data.tobytes() + bytes(data.getpalette() or [])
    return hashlib.sha256(f"{data.mode} {data.size}\n".encode() + pixels).hexdigest()


def _name_of(source: Source) -> str:
    return str(source) if isinstance(source, str | Path | RowImage) else "the image"


@contextlib.contextmanager
def _decoding(name: str, data: bytes | Image.Image) -> Iterator[None]:
    """Converts the errors of Pillow's decoders to a `DataError` with the name of the image."""
    image_module = require("PIL.Image", extra="vision", package="Pillow")
    try:
        yield
    except HornbookError:
        raise
    except (image_module.DecompressionBombError, image_module.DecompressionBombWarning) as error:
        raise DataError(f"{name} is refused: {error}") from None
    except image_module.UnidentifiedImageError:
        if isinstance(data, bytes) and (kind := foreign_kind(data)):
            raise DataError(f"{name} is {kind}, not an image that can be read.") from None
        raise DataError(
            f"{name} is not a readable image ({', '.join(_formats())}), or its header is damaged."
        ) from None
    except Exception as error:  # Pillow's decoders raise almost anything on damaged data
        raise DataError(f"{name} is damaged: {str(error) or type(error).__name__}.") from None


def readable(sources: Iterable[ImageFile], *, max_pixels: int = MAX_PIXELS) -> Readable:
    """Decodes every image once, in parallel, to find out which are readable.

    Returns:
        The sizes of the readable images, and why the others are not readable.
    """
    from hornbook.data.ahead import in_order

    def size_of(source: ImageFile) -> tuple[int, int] | HornbookError:
        try:
            return read_image(source, max_pixels=max_pixels).size
        except DataError as error:
            return error

    paths = list(sources)
    sizes, problems = {}, {}
    for path, size in zip(paths, in_order(size_of, paths), strict=True):
        if isinstance(size, HornbookError):
            problems[path] = str(size)
        else:
            sizes[path] = size
    return Readable(sizes, problems)


@dataclass(frozen=True)
class Readable:
    """Which images of a set are readable.

    Attributes:
        sizes: File or image of a row -> `(width, height)`, upright, if it is readable.
        problems: File or image of a row -> why it is not readable.
    """

    sizes: dict[ImageFile, tuple[int, int]]
    problems: dict[ImageFile, str]

    def raise_if_none(self, what: str) -> None:
        """Raises:
        DataError: no image of `what` is readable; lists the first reasons.
        """
        if self.sizes:
            return
        problems = Problems()
        for reason in self.problems.values():
            problems.add(what, reason)
        problems.raise_if_any("No image can be used.")

    def summary(self, shown: int = 5) -> str:
        """Returns a line about the images that are left out, or "" if there are none."""
        if not self.problems:
            return ""
        lines = list(self.problems.values())
        more = f"\n  and {len(lines) - shown} more" if len(lines) > shown else ""
        return (
            f"{len(lines):,} of {len(lines) + len(self.sizes):,} images cannot be read and are "
            "left out:\n  " + "\n  ".join(lines[:shown]) + more
        )


@functools.cache
def _formats() -> tuple[str, ...]:
    """Returns those of `FORMATS` that this build of Pillow supports."""
    from PIL import Image

    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _check_size(size: tuple[int, int], max_pixels: int, name: str) -> None:
    width, height = size
    if width * height > max_pixels:
        raise DataError(
            f"{name} is refused: it has {width:,} x {height:,} pixels; the maximum is "
            f"{max_pixels:,}.  Scale it down first."
        )


def _upright_rgb(image: Image.Image) -> Image.Image:
    """Decodes, applies EXIF rotation, and converts to three opaque 8-bit channels."""
    from PIL import Image, ImageOps

    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, WHITE)
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Converts 16 or 32 bit gray, or floats from 0 to 1, to 8 bits; Pillow would clip."""
    import numpy as np
    from PIL import Image

    values: Any = np.nan_to_num(np.asarray(image, dtype=np.float64))
    if image.mode == "F":
        scale = 255.0 if values.max() <= 1 else 1.0
    else:  # integers: 8 bits stored as more, or 16 of them
        scale = 1.0 if image.mode == "I" and values.max() <= 255 else 255 / 65535
    return Image.fromarray(np.clip(np.rint(values * scale), 0, 255).astype(np.uint8))
