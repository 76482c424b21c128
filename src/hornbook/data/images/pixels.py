"""Caches the decoded images of a data set, at one size, within a memory limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hornbook.data.images.decoding import read_image

if TYPE_CHECKING:
    from PIL import Image

    from hornbook.data.images.decoding import Source

ROOM = 2**30  # bytes of decoded images in the cache


class Pixels:
    """Arrays of the images, decoded on first access.

    Args:
        sources: Readable files, see `readable`.
        prepare: Turns an image into an array, deterministically.
        room: Bytes to cache; images beyond that are decoded each time.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        prepare: Callable[[Image.Image], np.ndarray],
        *,
        room: int = ROOM,
    ):
        self.sources = sources
        self.prepare = prepare
        self.room = room
        self._cache: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, number: int) -> np.ndarray:
        pixels = self._cache.get(number)
        if pixels is None:
            pixels = self.prepare(read_image(self.sources[number]))
            if pixels.nbytes * (len(self._cache) + 1) <= self.room:
                self._cache[number] = pixels
        return pixels
