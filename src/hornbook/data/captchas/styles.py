"""Draws captchas with Pillow: labeled images to start with, and for tests.

A style is data: rotation and overlap of the characters, lines and dots across them, warping.  The
style `captcha` uses the `captcha` package instead.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.errors import DataError, OptionError, did_you_mean, require

if TYPE_CHECKING:
    from PIL import Image

LIBRARY = "captcha"  # the style drawn by the package of this name
MIXED = "mixed"  # a random one of the others for each image
FONT_ENDINGS = (".ttf", ".otf", ".ttc")
Color = tuple[int, int, int]  # red, green, blue


@dataclass(frozen=True)
class Style:
    """The look of an image.

    Attributes:
        angle: Maximum rotation of a character in degrees, to either side.
        overlap: Maximum share of a character's width that the next one covers.
        rise: Maximum vertical offset of a character, as a share of the height.
        lines: Maximum number of lines across.
        dots: Number of dots per thousand pixels.
        wave: Amplitude of the warp in pixels, at a height of 60.
        noise: Standard deviation of the noise added to each pixel, out of 255.
        one_color: Whether all characters have the same color.
    """

    angle: float = 25
    overlap: float = 0.15
    rise: float = 0.1
    lines: int = 2
    dots: float = 3
    wave: float = 0
    noise: float = 0
    one_color: bool = False


STYLES = {
    "plain": Style(angle=8, overlap=0.0, rise=0.05, lines=0, dots=0),
    "lines": Style(lines=6, dots=1, one_color=True),
    "noise": Style(lines=1, dots=12, noise=25),
    "warp": Style(wave=5, overlap=0.2, lines=2, one_color=True),
    "crowd": Style(angle=35, overlap=0.35, lines=3, dots=5, wave=2),
}
STYLE_NAMES = (LIBRARY, *STYLES, MIXED)


class Artist:
    """Draws texts in a style.

    Args:
        style: One of `STYLE_NAMES`.
        size: `(width, height)` of the images.
        fonts: Font files, or folders of them.  Defaults to the font that comes with Pillow.

    Raises:
        OptionError: no such style, or no font.
        MissingExtraError: Pillow, or the package for the style `captcha`, is not installed.
    """

    def __init__(
        self, style: str, size: tuple[int, int] = (160, 60), fonts: Sequence[str | Path] = ()
    ):
        if style not in STYLE_NAMES:
            raise OptionError(f"Unknown style {style!r}. {did_you_mean(style, STYLE_NAMES)}")
        require("PIL.Image", extra="vision", package="Pillow")
        self.style = style
        self.size = size
        self.fonts = _font_files(fonts)
        if style == LIBRARY:
            require("captcha.image", extra="vision", package="captcha")
        self._opened: dict[tuple[Path | None, int], Any] = {}

    def draw(self, text: str, random: np.random.Generator) -> Image.Image:
        """Returns an image of the text, determined by `random`."""
        if self.style == LIBRARY:
            return _by_library(text, self.size, [str(font) for font in self.fonts], random)
        name = self.style
        if name == MIXED:
            name = sorted(STYLES)[random.integers(len(STYLES))]
        return self._own(text, STYLES[name], random)

    def _own(self, text: str, style: Style, random: np.random.Generator) -> Image.Image:
        from PIL import Image

        width, height = self.size
        light = tuple(int(value) for value in random.integers(215, 256, 3))
        image = Image.new("RGB", self.size, light)
        dark = _dark(random)
        letters = [
            self._letter(one, dark if style.one_color else _dark(random), style, random)
            for one in text
        ]
        # widths minus overlap, scaled to fit
        steps = [letter.width * (1 - style.overlap * random.uniform(0.2, 1)) for letter in letters]
        factor = min(1.0, (width - 8) / max(sum(steps), 1))
        left = random.uniform(2, max(3.0, width - sum(steps) * factor - 2))
        for letter, step in zip(letters, steps, strict=True):
            if factor < 1:
                letter = letter.resize((max(1, round(letter.width * factor)), letter.height))
            top = (height - letter.height) / 2 + random.uniform(-1, 1) * style.rise * height
            image.paste(letter, (round(left), round(top)), letter)
            left += step * factor
        _cross(image, dark, style, random)
        return _finished(image, style, random)

    def _letter(
        self, one: str, color: Color, style: Style, random: np.random.Generator
    ) -> Image.Image:
        """Returns a rotated character in a transparent image of its size."""
        from PIL import Image, ImageDraw

        size = round(self.size[1] * random.uniform(0.6, 0.85))
        font = self._font(size, random)
        box = font.getbbox(one)
        wide, tall = (max(1, int(box[side + 2] - box[side])) + 4 for side in (0, 1))
        letter = Image.new("RGBA", (wide, tall), (*color, 0))
        ImageDraw.Draw(letter).text((2 - box[0], 2 - box[1]), one, font=font, fill=(*color, 255))
        angle = random.uniform(-style.angle, style.angle)
        return letter.rotate(angle, Image.Resampling.BILINEAR, expand=True)

    def _font(self, size: int, random: np.random.Generator) -> Any:
        from PIL import ImageFont

        file = self.fonts[random.integers(len(self.fonts))] if self.fonts else None
        if (file, size) not in self._opened:
            try:
                font = ImageFont.truetype(str(file), size) if file else None
            except OSError as error:
                raise DataError(f"{file} is not a readable font: {error}.") from None
            self._opened[file, size] = font or ImageFont.load_default(size)
        return self._opened[file, size]


def _dark(random: np.random.Generator) -> Color:
    red, green, blue = (int(value) for value in random.integers(0, 150, 3))
    return red, green, blue


def _cross(image: Image.Image, color: Color, style: Style, random: np.random.Generator) -> None:
    """Draws lines from side to side, and dots."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(image)
    width, height = image.size
    for _ in range(int(random.integers(0, style.lines + 1))):
        start, end = random.uniform(0, height, 2)
        begin, stop = random.uniform(0, width / 3), random.uniform(width * 2 / 3, width)
        ink = color if style.one_color else _dark(random)
        draw.line((begin, start, stop, end), fill=ink, width=int(random.integers(1, 3)))
    for _ in range(round(style.dots * width * height / 1000)):
        x, y = random.uniform(0, width), random.uniform(0, height)
        draw.ellipse((x, y, x + 1.5, y + 1.5), fill=_dark(random))


def _finished(image: Image.Image, style: Style, random: np.random.Generator) -> Image.Image:
    """Applies the warp and the noise of the style."""
    from PIL import Image

    if not (style.wave or style.noise):
        return image
    pixels = np.asarray(image).astype(np.float32)
    height, width = pixels.shape[:2]
    if style.wave:
        across = np.arange(width) / width * random.uniform(1, 2.5) + random.uniform()
        moved = style.wave * height / 60 * np.sin(2 * np.pi * across)
        rows = np.clip(np.arange(height)[:, None] + np.rint(moved).astype(int), 0, height - 1)
        pixels = pixels[rows, np.arange(width)]
    if style.noise:
        pixels += random.normal(0, style.noise, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _font_files(fonts: Sequence[str | Path]) -> list[Path]:
    files: list[Path] = []
    for font in map(Path, fonts):
        if font.is_dir():
            inside = [one for one in font.rglob("*") if one.suffix.lower() in FONT_ENDINGS]
            if not inside:
                raise OptionError(f"{font} holds no font ({', '.join(FONT_ENDINGS)}).")
            files += inside
        elif font.is_file():
            files.append(font)
        else:
            raise OptionError(f"There is no font {font}.")
    return sorted(files)


class _Seeded:
    """Replaces the module `secrets`, the random source of the `captcha` package."""

    def __init__(self, random: np.random.Generator):
        self.random = random

    def randbelow(self, limit: int) -> int:
        return int(self.random.integers(limit))

    def randbits(self, bits: int) -> int:
        return int(self.random.integers(2**bits))

    def choice(self, values: Sequence[Any]) -> Any:
        return values[self.randbelow(len(values))]


def _by_library(
    text: str, size: tuple[int, int], fonts: list[str], random: np.random.Generator
) -> Image.Image:
    """Draws with the `captcha` package; it takes no seed, so its random source is replaced."""
    import captcha.image

    module: Any = captcha.image
    before = module.secrets
    module.secrets = _Seeded(random)  # safe: a process draws one image at a time
    try:
        image: Image.Image = module.ImageCaptcha(*size, fonts=fonts or None).generate_image(text)
        return image
    finally:
        module.secrets = before


def png(image: Image.Image) -> bytes:
    """Returns the image as the bytes of a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
