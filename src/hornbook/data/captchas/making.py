"""Draws a folder of labeled captchas in several processes, reproducibly by seed."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hornbook.data.captchas.labeled_images import TABLES, write_labels
from hornbook.data.captchas.styles import Artist, png
from hornbook.data.processes import in_processes
from hornbook.data.seeding import random_of
from hornbook.errors import HornbookError, OptionError
from hornbook.files import atomic_folder

PART = 250  # images per task of a process


@dataclass(frozen=True)
class Order:
    """What to draw.

    Attributes:
        style, size, fonts: See `Artist`.
        characters: Characters of the texts.
        lengths: Minimum and maximum length of a text.
        seed: Determines every image, whichever process draws it.
    """

    style: str
    size: tuple[int, int]
    fonts: tuple[str, ...]
    characters: str
    lengths: tuple[int, int]
    seed: int

    def text(self, number: int) -> str:
        """Returns the text of image `number`."""
        random = random_of(self.seed, number, 0)
        length = int(random.integers(self.lengths[0], self.lengths[1] + 1))
        return "".join(
            self.characters[one] for one in random.integers(len(self.characters), size=length)
        )


def make_captchas(
    folder: str | Path, order: Order, count: int, *, workers: int | None = None
) -> list[Path]:
    """Draws `count` images into a new folder: `7h2k_000012.png`.

    The folder appears only once it is complete, whatever interrupts the drawing.

    Args:
        folder: A new or empty folder.
        order: What to draw.
        count: Number of images.
        workers: Number of processes; 0 draws in this one.  Defaults to one per core.

    Raises:
        HornbookError: the folder is not empty, or the order is invalid.
    """
    from hornbook.progress import Progress

    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise HornbookError(f"{folder} exists already; name a new folder for the images.")
    if len(set(order.characters)) < 2:
        raise OptionError(
            f"characters is {order.characters!r}: at least two different ones are needed."
        )
    if count < 1 or not 1 <= order.lengths[0] <= order.lengths[1]:
        raise OptionError("At least one image of at least one character is needed.")
    Artist(order.style, order.size, order.fonts)  # raises early if this cannot be drawn
    parts = [range(begin, min(begin + PART, count)) for begin in range(0, count, PART)]
    workers = min(os.cpu_count() or 1, len(parts)) if workers is None else workers
    names: list[str] = []
    with (
        atomic_folder(folder) as temporary,
        Progress("captchas", total=count, unit="images") as bar,
    ):
        draw = functools.partial(_draw, temporary, order)
        for part in in_processes(draw, parts, workers=0 if workers < 2 else workers):
            names += part
            bar.advance(len(part))
        if not _safe(order.characters):
            rows = [(name, order.text(number)) for number, name in enumerate(names)]
            write_labels(temporary / TABLES[0], rows)
    return [folder / name for name in names]


def _draw(folder: Path, order: Order, numbers: Sequence[int]) -> list[str]:
    artist = Artist(order.style, order.size, order.fonts)
    names = []
    for number in numbers:
        text = order.text(number)
        name = f"{text}_{number:06}.png" if _safe(order.characters) else f"{number:06}.png"
        (folder / name).write_bytes(png(artist.draw(text, random_of(order.seed, number, 1))))
        names.append(name)
    return names


def _safe(characters: str) -> bool:
    """Whether texts are valid in file names on every system."""
    return characters.isalnum() and characters.isascii()
