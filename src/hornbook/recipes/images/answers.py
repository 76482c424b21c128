"""What one run of `images`, or several together, say about images, a batch at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.data.images.crops import VIEWS
from hornbook.errors import OptionError

if TYPE_CHECKING:
    from hornbook.data.images.decoding import Source
    from hornbook.training.images.outputs import Outputs

    # why some images cannot be read, by their place; and `(images, classes)`
    Judged = Iterator[tuple[dict[int, str], np.ndarray]]


def answers(
    recipes: Sequence[Any], samples: Iterable[Source], *, top: int, views: int
) -> Iterator[dict[str, Any]]:
    """Names the most probable classes of each image: see `Images.predict_stream`."""
    classes = recipes[0].classes
    waiting, sources = itertools.tee(samples)
    for problems, probabilities in judged(recipes, sources, views):
        rows = zip(itertools.islice(waiting, len(probabilities)), probabilities, strict=True)
        for number, (source, row) in enumerate(rows):
            answer: dict[str, Any] = {"file": None if isinstance(source, bytes) else str(source)}
            error = problems.get(number)
            for place, label in enumerate(np.argsort(-row, kind="stable")[:top].tolist(), 1):
                behind = "" if place == 1 else f"_{place}"
                answer[f"label{behind}"] = None if error else classes[label]
                answer[f"probability{behind}"] = None if error else round(float(row[label]), 6)
            yield {**answer, "error": error}


def judged(recipes: Sequence[Any], sources: Iterable[Source], views: int) -> Judged:
    """The probabilities of each class, the mean over the views and over the recipes.

    Args:
        recipes: Trained `Images` that know the same classes.
        sources: Images, some of which perhaps cannot be read.
        views: Of each, one of `VIEWS`.
    """
    streams = itertools.tee(sources, len(recipes))
    each = [
        _mean_of_views(recipe.outputs(stream, views), views)
        for recipe, stream in zip(recipes, streams, strict=True)
    ]
    for found in zip(*each, strict=True):
        yield found[0][0], np.mean([probabilities for _, probabilities in found], axis=0)


def _mean_of_views(outputs: Outputs, views: int) -> Judged:
    for problems, found in outputs:
        logits = found["logits"].astype("float64")
        logits -= logits.max(axis=-1, keepdims=True)
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        yield problems, probabilities.reshape(-1, views, logits.shape[-1]).mean(axis=1)


def check_views(views: int) -> None:
    """Raises:
    OptionError: so many views of an image are not made.
    """
    if views not in VIEWS:
        raise OptionError(f"views is {views}, expected one of {', '.join(map(str, VIEWS))}.")
