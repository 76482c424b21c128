"""Predictions of an `images` run, or of an ensemble, batch by batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.data.images.crops import VIEWS
from hornbook.data.images.rows.image_rows import named
from hornbook.errors import OptionError

if TYPE_CHECKING:
    from hornbook.data.images.decoding import Source
    from hornbook.training.images.outputs import Outputs

    # why some images cannot be read, by index; and probabilities, `(images, classes)`
    Predictions = Iterator[tuple[dict[int, str], np.ndarray]]


def answers(
    recipes: Sequence[Any], samples: Iterable[Source], *, top: int, views: int
) -> Iterator[dict[str, Any]]:
    """Yields the most probable classes of each image: see `Images.predict_stream`."""
    classes = recipes[0].classes
    names, sources = itertools.tee(samples)
    for problems, probabilities in predictions(recipes, sources, views):
        rows = zip(itertools.islice(names, len(probabilities)), probabilities, strict=True)
        for number, (source, row) in enumerate(rows):
            answer = named(source)
            error = problems.get(number)
            for place, label in enumerate(np.argsort(-row, kind="stable")[:top].tolist(), 1):
                suffix = "" if place == 1 else f"_{place}"
                answer[f"label{suffix}"] = None if error else classes[label]
                answer[f"probability{suffix}"] = None if error else round(float(row[label]), 6)
            yield {**answer, "error": error}


def predictions(recipes: Sequence[Any], sources: Iterable[Source], views: int) -> Predictions:
    """Yields the probabilities of each class, averaged over the views and the recipes.

    Args:
        recipes: Trained `Images` with the same classes.
        sources: Images; unreadable ones are reported.
        views: Views per image, one of `VIEWS`.
    """
    streams = itertools.tee(sources, len(recipes))
    members = [
        _mean_of_views(recipe.outputs(stream, views), views)
        for recipe, stream in zip(recipes, streams, strict=True)
    ]
    for batch in zip(*members, strict=True):
        yield batch[0][0], np.mean([probabilities for _, probabilities in batch], axis=0)


def _mean_of_views(outputs: Outputs, views: int) -> Predictions:
    for problems, arrays in outputs:
        logits = arrays["logits"].astype("float64")
        logits -= logits.max(axis=-1, keepdims=True)
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        yield problems, probabilities.reshape(-1, views, logits.shape[-1]).mean(axis=1)


def check_views(views: int) -> None:
    """Raises OptionError for an unsupported number of views."""
    if views not in VIEWS:
        raise OptionError(f"views is {views}, expected one of {', '.join(map(str, VIEWS))}.")
