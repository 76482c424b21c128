"""Computes the outputs of a network for a stream of images, which are decoded ahead."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from hornbook.data.ahead import in_order
from hornbook.data.images.decoded_batches import ImageBatch, image_batch
from hornbook.data.images.decoding import Source
from hornbook.progress import Progress

if TYPE_CHECKING:
    import keras

    from hornbook.data.images.decoded_batches import Prepare

# problems by index in the batch, and arrays with a row per view
Outputs = Iterator[tuple[dict[int, str], dict[str, np.ndarray]]]


def image_outputs(
    network: keras.Model,
    sources: Iterable[Source],
    prepare: Prepare,
    *,
    shape: tuple[int, ...],
    rows: int,
    near: tuple[int, int] | None = None,
    description: str = "",
    total: int | None = None,
) -> Outputs:
    """Yields the outputs of a network for a stream of images, in batches.

    Args:
        network: A Keras model; a single output is named `logits` here.
        sources: Image files, or their contents.
        prepare: Makes all views of an image that the network sees.
        shape: Shape of the result of `prepare`: `(views, height, width, 3)`.
        rows: Number of views per batch.
        near: See `read_image`.
        description: Label of the progress bar.  Defaults to no progress bar.
        total: Number of images, for the progress bar.

    Yields:
        Problems, and arrays with a row per view, the views of an image in succession; the rows of
        an image with a problem are meaningless.
    """
    views = shape[0]
    images = max(rows // views, 1)

    def read(chunk: list[Source]) -> ImageBatch:
        return image_batch(chunk, np.arange(len(chunk)), prepare, near=near)

    stream = iter(sources)
    chunks = iter(lambda: list(itertools.islice(stream, images)), [])
    first = next(chunks, [])
    # nothing follows a partial chunk: threads would cost more than they save
    workers = 0 if len(first) < images else None
    batches = in_order(read, itertools.chain([first] if first else [], chunks), workers=workers)
    quiet = None if description else True
    with Progress(description, total=total, unit="images", quiet=quiet) as bar:
        for batch in batches:
            count = len(batch.numbers)
            readable = len(batch.problems) < count
            filled = batch.images if readable else np.zeros((1, *shape), np.uint8)
            # compiled once per shape: full batches have one, single images another
            padded = np.resize(filled, (images if count > 1 else 1, *shape))
            outputs = network.predict_on_batch(padded.reshape(-1, *shape[1:]))
            outputs = outputs if isinstance(outputs, dict) else {"logits": outputs}
            bar.advance(count)
            yield batch.problems, {name: value[: count * views] for name, value in outputs.items()}
