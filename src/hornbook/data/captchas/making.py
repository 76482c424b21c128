"""A folder of labelled captchas, drawn by several processes, the same for the same seed."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hornbook.data.captchas.labelled_images import TABLES, write_labels
from hornbook.data.captchas.styles import Artist, png
from hornbook.data.processes import in_processes
from hornbook.data.seeding import random_of
from hornbook.errors import HornbookError, OptionError
from hornbook.files import atomic_folder

PART = 250  # images that a process draws at a time


@dataclass(frozen=True)
class Order:
    """What to draw.

    Attributes:
        style, size, fonts: See `Artist`.
        characters: That texts are made of.
        lengths: The shortest and the longest text.
        seed: Settles every image, whatever draws it.
    """

    style: str
    size: tuple[int, int]
    fonts: tuple[str, ...]
    characters: str
    lengths: tuple[int, int]
    seed: int

    def text(self, number: int) -> str:
        """What image `number` says."""
        random = random_of(self.seed, number, 0)
        length = int(random.integers(self.lengths[0], self.lengths[1] + 1))
        return "".join(
            self.characters[one] for one in random.integers(len(self.characters), size=length)
        )


def make_captchas(
    folder: str | Path, order: Order, count: int, *, workers: int | None = None
) -> list[Path]:
    """Draws `count` images into a new folder: `7h2k_000012.png`.

    The folder is there when all of them are, and never before, whatever ends the drawing.

    Args:
        folder: New, or empty.
        order: What to draw.
        count: How many.
        workers: Processes; 0 draws in this one; None: one a core.

    Raises:
        HornbookError: the folder holds something, or the order cannot be carried out.
    """
    from hornbook.progress import Progress

    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise HornbookError(f"{folder} exists already; name a new folder for the images.")
    if len(set(order.characters)) < 2:
        raise OptionError(f"characters is {order.characters!r}: two different ones are needed.")
    if count < 1 or not 1 <= order.lengths[0] <= order.lengths[1]:
        raise OptionError("At least one image of at least one character is needed.")
    Artist(order.style, order.size, order.fonts)  # refuses what cannot be drawn, before anything
    parts = [range(begin, min(begin + PART, count)) for begin in range(0, count, PART)]
    workers = min(os.cpu_count() or 1, len(parts)) if workers is None else workers
    names: list[str] = []
    with (
        atomic_folder(folder) as temporary,
        Progress("captchas", total=count, unit="images") as bar,
    ):
        draw = functools.partial(_draw, temporary, order)
        for made in in_processes(draw, parts, workers=0 if workers < 2 else workers):
            names += made
            bar.advance(len(made))
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
    """Whether texts can stand in names of files everywhere."""
    return characters.isalnum() and characters.isascii()
