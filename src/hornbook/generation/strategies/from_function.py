"""Beam search and sampling with a function that returns the probabilities of the next id.

It gets all ids of each beam, so it may be anything: several models, a vote, a table.  For models of
hornbook use `generate`, which has a cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# (inputs, output_ids, states) -> (probabilities or log-probabilities, states)
Predict = Callable[[list[np.ndarray], np.ndarray, Any], tuple[np.ndarray, Any]]
# (values, rows, number of beams) -> the values of these beams
Select = Callable[[Any, np.ndarray, int], Any]
# ids (beams, length) -> which are finished
Ended = Callable[[np.ndarray], np.ndarray]


def search_beams(
    predict: Predict,
    inputs: Sequence[Any],
    output_ids: np.ndarray,
    *,
    topk: int,
    steps: int,
    ended: Ended,
    select: Select,
    states: Any = None,
) -> np.ndarray:
    """Returns the ids of the sequence with the highest sum of log-probabilities.

    Args:
        predict: Gets the inputs, each `(beams, ...)`, the ids `(beams, length)` and the states it
            returned last; returns log-probabilities `(beams, vocabulary)`.
        inputs: The inputs of one sample, without the axis of beams.
        output_ids: The ids to begin with, `(1, length)`.
        topk: Number of beams.  Each finished one leaves one fewer.
        steps: Maximum number of new ids.
        ended: Which sequences are finished.
        select: Selects the inputs and states of the beams that go on.
        states: The first states.
    """
    arrays = [np.array([one]) for one in inputs]
    scores = np.zeros(1)
    best_ids, best_score = output_ids[0], -np.inf
    for _ in range(steps):
        new, states = predict(arrays, output_ids, states)
        totals = scores.reshape(-1, 1) + new
        topk = min(topk, totals.size)
        chosen = totals.argpartition(-topk, axis=None)[-topk:]
        rows, ids = np.divmod(chosen, totals.shape[1])
        scores = totals.ravel()[chosen]
        output_ids = np.concatenate([output_ids[rows], ids[:, None]], axis=1)
        finished = ended(output_ids)
        if finished.any():
            finished_scores = np.where(finished, scores, -np.inf)
            if finished_scores.max() > best_score:
                best_score = finished_scores.max()
                best_ids = output_ids[finished_scores.argmax()]
        if best_score >= scores.max():  # longer sequences never have higher scores
            return np.asarray(best_ids)
        output_ids, scores, rows = output_ids[~finished], scores[~finished], rows[~finished]
        arrays, states = select((arrays, states), rows, len(new))
        topk = len(rows)
    return np.asarray(output_ids[scores.argmax()])


def sample_sequences(
    predict: Predict,
    inputs: Sequence[Any],
    output_ids: np.ndarray,
    *,
    n: int,
    steps: int,
    ended: Ended,
    select: Select,
    topk: int | None = None,
    topp: float | None = None,
    states: Any = None,
) -> list[np.ndarray]:
    """Returns random sequences of ids, in the order in which they are finished.

    Draws from NumPy's global generator, with `np.random.choice` for each row.

    Args:
        predict: As for `search_beams`, but returns probabilities.
        inputs: The inputs of one sample, without the axis of sequences.
        output_ids: The ids to begin with, `(1, length)`.
        n: Number of sequences.
        steps: Maximum number of new ids.
        ended: Which sequences are finished.
        select: Selects the inputs and states of the sequences that go on.
        topk: Sample from this number of the most probable ids only.
        topp: Sample from the fewest ids with this probability only.
        states: The first states.
    """
    arrays = [np.array([one]) for one in inputs]
    results: list[np.ndarray] = []
    for step in range(steps):
        new, states = predict(arrays, output_ids, states)
        rows = np.arange(len(new)) if step else np.zeros(n, int)
        probas = _normalized(new)[rows]
        candidates = np.broadcast_to(np.arange(probas.shape[1]), probas.shape)
        if topk is not None:
            topk = min(topk, probas.shape[1])
            order = probas.argpartition(-topk, axis=1)[:, -topk:]
            candidates = np.take_along_axis(candidates, order, axis=1)
            probas = _normalized(np.take_along_axis(probas, order, axis=1))
        if topp is not None:
            order = probas.argsort(axis=1)[:, ::-1]
            candidates = np.take_along_axis(candidates, order, axis=1)
            probas = np.take_along_axis(probas, order, axis=1)
            enough = np.cumsum(probas, axis=1)[:, :-1] >= topp
            probas[:, 1:][enough] = 0
            probas = _normalized(probas)
        places = np.array([[np.random.choice(len(row), p=row)] for row in probas])
        ids = np.take_along_axis(candidates, places, axis=1)
        output_ids = np.concatenate([output_ids[rows], ids], axis=1)
        finished = ended(output_ids)
        results.extend(output_ids[finished])
        output_ids, rows = output_ids[~finished], rows[~finished]
        if not len(rows):
            break
        arrays, states = select((arrays, states), rows, len(new))
    return [*results, *output_ids]


def _normalized(probas: np.ndarray) -> np.ndarray:
    return np.asarray(probas / probas.sum(axis=1, keepdims=True))
