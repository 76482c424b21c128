"""The images of a data set at one size, decoded once and kept while there is room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hornbook.data.images.decoding import read_image

if TYPE_CHECKING:
    from PIL import Image

    from hornbook.data.images.decoding import Source

ROOM = 2**30  # bytes of decoded images that are kept


class Pixels:
    """Arrays of the images, decoded when they are first asked for.

    Args:
        sources: Files that can be read, see `readable`.
        prepare: Makes the array of an image, always the same one.
        room: Bytes that may be kept; what does not fit is decoded each time.
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
        self._kept: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, number: int) -> np.ndarray:
        found = self._kept.get(number)
        if found is None:
            found = self.prepare(read_image(self.sources[number]))
            if found.nbytes * (len(self._kept) + 1) <= self.room:
                self._kept[number] = found
        return found
