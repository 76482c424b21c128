"""Images -> NumPy batches, decoded in parallel, in an order determined by seed and epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hornbook.data.ahead import in_order
from hornbook.data.images.decoding import MAX_PIXELS, Source, read_image
from hornbook.data.seeding import random_of
from hornbook.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

    # turns an image into an array; the generator depends on seed, epoch and image only
    Prepare = Callable[[Image.Image, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class ImageBatch:
    """A batch of images.

    Attributes:
        numbers: Indices of the sources, int64.
        images: Results of `prepare`, stacked: `(rows, ...)`; zeros for an unreadable image.
        problems: Index -> why the image cannot be read.
    """

    numbers: np.ndarray
    images: np.ndarray
    problems: dict[int, str]


def shuffled_batches(
    count: int, batch_size: int, *, seed: int, epoch: int | None
) -> list[np.ndarray]:
    """Splits the indices 0 to `count` - 1 into batches, each index once.

    Args:
        count: Number of samples.
        batch_size: Rows per batch; the last batch may have fewer.
        seed: Together with `epoch`, determines the order.
        epoch: From 0.  Defaults to no shuffling.
    """
    order = np.arange(count)
    if epoch is not None:
        order = random_of(seed, epoch).permutation(count)
    return [order[begin : begin + batch_size] for begin in range(0, count, batch_size)]


def image_batch(
    sources: Sequence[Source],
    numbers: np.ndarray,
    prepare: Prepare,
    *,
    seed: int = 0,
    epoch: int = 0,
    near: tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> ImageBatch:
    """Reads and prepares the images of one batch, sequentially, in this thread.

    Args:
        sources: All sources.
        numbers: Indices of the sources in this batch.
        prepare: Turns an image into an array, always of the same shape and type.
        seed, epoch: Seed the generators that `prepare` gets.
        near, max_pixels: See `read_image`.
    """
    arrays: list[np.ndarray | None] = []
    problems = {}
    for number in map(int, numbers):
        try:
            image = read_image(sources[number], near=near, max_pixels=max_pixels)
        except DataError as error:
            problems[number] = str(error)
            arrays.append(None)
            continue
        arrays.append(prepare(image, random_of(seed, epoch, number)))
    known = next((array for array in arrays if array is not None), np.zeros(0, np.uint8))
    rows = [np.zeros_like(known) if array is None else array for array in arrays]
    return ImageBatch(np.asarray(numbers), np.stack(rows), problems)


def image_batches(
    sources: Sequence[Source],
    prepare: Prepare,
    *,
    batch_size: int,
    seed: int = 0,
    epoch: int | None = None,
    workers: int | None = None,
    near: tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[ImageBatch]:
    """Yields the batches of an epoch in order, decoding several at a time.

    Args:
        batch_size: Rows per batch; the last one may have fewer.
        epoch: Determines the shuffling.  Defaults to the order of the sources, for prediction.
        workers: See `in_order`.

    The other arguments are those of `image_batch`.
    """

    def batch(numbers: np.ndarray) -> ImageBatch:
        return image_batch(
            sources,
            numbers,
            prepare,
            seed=seed,
            epoch=epoch or 0,
            near=near,
            max_pixels=max_pixels,
        )

    numbers = shuffled_batches(len(sources), batch_size, seed=seed, epoch=epoch)
    return in_order(batch, numbers, workers=workers, ahead=None if workers is None else 2 * workers)
