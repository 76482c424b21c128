"""Images -> NumPy batches, decoded in parallel, in an order settled by seed and epoch."""

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

    # what makes an array of an image; the random numbers are those of seed, epoch and image
    Prepare = Callable[[Image.Image, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class ImageBatch:
    """A batch.

    Attributes:
        numbers: Which of the sources, int64.
        images: What `prepare` made of them, stacked: `(rows, ...)`; only zeros for an image
            that cannot be read.
        problems: Number -> why it cannot.
    """

    numbers: np.ndarray
    images: np.ndarray
    problems: dict[int, str]


def shuffled_batches(
    count: int, batch_size: int, *, seed: int, epoch: int | None
) -> list[np.ndarray]:
    """The numbers 0 to `count` - 1 in batches, each once.

    Args:
        count: Of samples.
        batch_size: Rows; the last batch may have fewer.
        seed: Together with `epoch` it settles the order, and nothing else does.
        epoch: From 0; None: as they come.
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
    """Reads and prepares the images of one batch, one after the other, in this thread.

    Args:
        sources: All of them.
        numbers: Those of this batch.
        prepare: Makes arrays of one shape and type.
        seed, epoch: Of the random numbers `prepare` gets.
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
    """The batches of an epoch, several of them being decoded at a time, in their order.

    Args:
        epoch: Shuffles; None: the sources as they come, for predicting.
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
