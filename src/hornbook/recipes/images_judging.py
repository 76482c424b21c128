"""What a trained network says of pictures: decoded ahead, looked at from several sides."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from hornbook.data.ahead import in_order
from hornbook.data.crops import settled_views
from hornbook.data.picture_batches import PictureBatch, picture_batch
from hornbook.progress import Progress

if TYPE_CHECKING:
    import keras

    from hornbook.data.pictures import Source

    # why some pictures of a batch cannot be read, by their number in it, and arrays of a row each
    Outputs = Iterator[tuple[dict[int, str], dict[str, np.ndarray]]]


def network_outputs(
    network: keras.Model,
    sources: Iterable[Source],
    *,
    size: int,
    views: int,
    rows: int,
    description: str = "",
    total: int | None = None,
) -> Outputs:
    """All outputs of the network for pictures as they come, some at a time.

    Args:
        network: See `PictureClassifier`.
        sources: Files, or what is in them.
        size: Pixels of a side.
        views: Of each picture: 1, 2 or 10.
        rows: Views that are computed at a time.
        description: Of the progress bar; without one there is none.
        total: Pictures, for the progress bar.

    Yields:
        Problems, and arrays of a row for each view, all views of a picture one after the other;
        what stands in the rows of a picture with a problem means nothing.
    """
    shape = (views, size, size, 3)
    pictures = max(rows // views, 1)

    def read(chunk: list[Source]) -> PictureBatch:
        return picture_batch(
            chunk,
            np.arange(len(chunk)),
            lambda picture, random: settled_views(picture, size=size, views=views),
            near=(2 * size, 2 * size),
        )

    stream = iter(sources)
    chunks = iter(lambda: list(itertools.islice(stream, pictures)), [])
    quiet = None if description else True
    with Progress(description, total=total, unit="pictures", quiet=quiet) as bar:
        for batch in in_order(read, chunks):
            count = len(batch.numbers)
            readable = len(batch.problems) < count
            filled = batch.pictures if readable else np.zeros((1, *shape), np.uint8)
            # compiled once a shape: full batches have one, single pictures another
            padded = np.resize(filled, (pictures if count > 1 else 1, *shape))
            found = network.predict_on_batch(padded.reshape(-1, *shape[1:]))
            bar.advance(count)
            yield batch.problems, {name: value[: count * views] for name, value in found.items()}


def class_probabilities(
    outputs: Outputs, views: int
) -> Iterator[tuple[dict[int, str], np.ndarray]]:
    """Problems and probabilities `(pictures, classes)`, the mean over the views of a picture."""
    for problems, found in outputs:
        logits = found["logits"].astype("float64")
        logits -= logits.max(axis=-1, keepdims=True)
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        yield problems, probabilities.reshape(-1, views, logits.shape[-1]).mean(axis=1)
