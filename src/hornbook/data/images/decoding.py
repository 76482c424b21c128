"""Files -> images: any common format, always upright, opaque, and 8 bits of red, green and blue.

Transparent images are laid on white, animated ones give their first frame, CMYK and 16 bits
become RGB, and what the camera noted about turning (EXIF) is done.  An image that declares
more pixels than allowed is refused before it is decoded: half a megabyte can hold gigabytes.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook.data.images.formats import FORMATS, foreign_kind
from hornbook.data.readers.problems import Problems
from hornbook.errors import DataError, HornbookError, require

if TYPE_CHECKING:
    from PIL import Image

Source = str | Path | bytes  # a file, or what is in one

MAX_PIXELS = 64_000_000  # a camera's largest images have about as many
WHITE = (255, 255, 255, 255)


def read_image(
    source: Source,
    *,
    near: tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
    where: str | None = None,
) -> Image.Image:
    """Reads an image.

    Args:
        source: A file, or what is in one.
        near: `(width, height)` that will be needed: a much larger JPEG is then decoded at half,
            a quarter or an eighth of its size, but never smaller than this.
        max_pixels: Width times height that is allowed.
        where: What to call the image in a message; without it, its path.

    Returns:
        An image of mode RGB, wholly decoded.

    Raises:
        DataError: naming the file and the reason: it is missing, no image, damaged, cut off or
            too large.
        MissingExtraError: Pillow is not installed.
    """
    image_module = require("PIL.Image", extra="vision", package="Pillow")
    name = where or ("the image" if isinstance(source, bytes) else str(source))
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{name} cannot be read: {reason}.") from None
    if not data:
        raise DataError(f"{name} cannot be read: the file is empty.")
    try:
        with image_module.open(io.BytesIO(data), formats=_formats()) as image:
            _check_size(image.size, max_pixels, name)
            if near is not None:
                image.draft("RGB", near)
            return _upright_rgb(image)
    except HornbookError:
        raise
    except (image_module.DecompressionBombError, image_module.DecompressionBombWarning) as error:
        raise DataError(f"{name} is refused: {error}") from None
    except image_module.UnidentifiedImageError:
        if kind := foreign_kind(data):
            raise DataError(f"{name} is {kind}, not an image that can be read.") from None
        raise DataError(
            f"{name} is no image that can be read ({', '.join(_formats())}), or its beginning "
            "is damaged."
        ) from None
    except Exception as error:  # Pillow's decoders raise almost anything on damaged data
        raise DataError(f"{name} is damaged: {str(error) or type(error).__name__}.") from None


def readable(sources: Iterable[str | Path], *, max_pixels: int = MAX_PIXELS) -> Readable:
    """Decodes every image once, in parallel, and says which can be used.

    Returns:
        The sizes of those that can be read, and the reasons of those that cannot.
    """
    from hornbook.data.ahead import in_order

    def size_of(source: Path) -> tuple[int, int] | HornbookError:
        try:
            return read_image(source, max_pixels=max_pixels).size
        except DataError as error:
            return error

    paths = [Path(source) for source in sources]
    sizes, problems = {}, {}
    for path, found in zip(paths, in_order(size_of, paths), strict=True):
        if isinstance(found, HornbookError):
            problems[path] = str(found)
        else:
            sizes[path] = found
    return Readable(sizes, problems)


@dataclass(frozen=True)
class Readable:
    """Which images of a set can be used.

    Attributes:
        sizes: Path -> `(width, height)`, upright, of each image that can be read.
        problems: Path -> why it cannot.
    """

    sizes: dict[Path, tuple[int, int]]
    problems: dict[Path, str]

    def raise_if_none(self, what: str) -> None:
        """Raises:
        DataError: nothing of `what` can be read; the first reasons are listed.
        """
        if self.sizes:
            return
        problems = Problems()
        for reason in self.problems.values():
            problems.add(what, reason)
        problems.raise_if_any("Not one image can be used.")

    def summary(self, shown: int = 5) -> str:
        """A line for the person who trains, naming what is left out; "" when nothing is."""
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
    """Those of `FORMATS` that this Pillow was built with."""
    from PIL import Image

    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _check_size(size: tuple[int, int], max_pixels: int, name: str) -> None:
    width, height = size
    if width * height > max_pixels:
        raise DataError(
            f"{name} is refused: it has {width:,} x {height:,} pixels, and at most "
            f"{max_pixels:,} are allowed.  Make it smaller first."
        )


def _upright_rgb(image: Image.Image) -> Image.Image:
    """Decodes, turns as EXIF says, and makes three opaque channels of 8 bits."""
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
    """Grey of 16 or 32 bits, or of floats from 0 to 1, as 8 bits: Pillow would cut, not scale."""
    import numpy as np
    from PIL import Image

    values: Any = np.nan_to_num(np.asarray(image, dtype=np.float64))
    if image.mode == "F":
        scale = 255.0 if values.max() <= 1 else 1.0
    else:  # integers: 8 bits stored as more, or 16 of them
        scale = 1.0 if image.mode == "I" and values.max() <= 255 else 255 / 65535
    return Image.fromarray(np.clip(np.rint(values * scale), 0, 255).astype(np.uint8))
