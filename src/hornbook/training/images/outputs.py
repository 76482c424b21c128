"""What a network says of images that come one after the other, decoded ahead of it."""

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

# why some images of a batch cannot be read, by their number in it, and arrays of a row a view
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
    """All outputs of a network for images as they come, some at a time.

    Args:
        network: Keras's; with one output, that is called `logits` here.
        sources: Files, or what is in them.
        prepare: Makes of an image all views of it that the network looks at.
        shape: Of what `prepare` makes: `(views, height, width, 3)`.
        rows: Views that are computed at a time.
        near: See `read_image`.
        description: Of the progress bar; without one there is none.
        total: Images, for the progress bar.

    Yields:
        Problems, and arrays of a row for each view, all views of an image one after the other;
        what stands in the rows of an image with a problem means nothing.
    """
    views = shape[0]
    images = max(rows // views, 1)

    def read(chunk: list[Source]) -> ImageBatch:
        return image_batch(chunk, np.arange(len(chunk)), prepare, near=near)

    stream = iter(sources)
    chunks = iter(lambda: list(itertools.islice(stream, images)), [])
    first = next(chunks, [])
    # nothing comes after a chunk that is not full: threads would cost more than they save
    workers = 0 if len(first) < images else None
    batches = in_order(read, itertools.chain([first] if first else [], chunks), workers=workers)
    quiet = None if description else True
    with Progress(description, total=total, unit="images", quiet=quiet) as bar:
        for batch in batches:
            count = len(batch.numbers)
            readable = len(batch.problems) < count
            filled = batch.images if readable else np.zeros((1, *shape), np.uint8)
            # compiled once a shape: full batches have one, single images another
            padded = np.resize(filled, (images if count > 1 else 1, *shape))
            found = network.predict_on_batch(padded.reshape(-1, *shape[1:]))
            found = found if isinstance(found, dict) else {"logits": found}
            bar.advance(count)
            yield batch.problems, {name: value[: count * views] for name, value in found.items()}
