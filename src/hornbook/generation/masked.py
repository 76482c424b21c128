"""Writes with a masked language model, which sees both sides of a gap.

`predict` is any function from token ids `(rows, length)` and the places that are asked, a row and
a column of each, to logits `(asked, vocabulary)`.  A row that is shorter has -1 behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from hornbook.errors import OptionError, did_you_mean
from hornbook.generation import random_numbers
from hornbook.generation.sampling import distribution, largest, log_probabilities

Predict = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
Order = Literal["at once", "confident first", "left to right"]


class Filled(NamedTuple):
    """A text without gaps.

    Attributes:
        token_ids: `(length,)` int32.
        log_probabilities: `(length,)` float64, of each filled token when it was chosen; 0
            elsewhere.
        text: Where there is a way to decode it.
    """

    token_ids: np.ndarray
    log_probabilities: np.ndarray
    text: str | None = None

    @property
    def score(self) -> float:
        """What the texts of one gap are ranked by."""
        return float(self.log_probabilities.sum())


def fill_masks(
    predict: Predict,
    token_ids: np.ndarray,
    mask_id: int,
    order: Order = "confident first",
    n: int = 1,
) -> list[list[Filled]]:
    """Puts the likeliest tokens into every gap.

    Args:
        predict: The model.
        token_ids: `(rows, length)`; a gap is `mask_id`.
        mask_id: It is never chosen itself.
        order: `"at once"`: each gap by itself, one call of the model.  The others fill one gap
            of each text a call and look again: the surest one, or the first; with `n` above 1
            they keep the `n` best beginnings.
        n: How many texts of each row are wanted.

    Returns:
        For each row `n` different texts, the likeliest first; fewer if there are no more.

    Raises:
        OptionError: there is no such order, or `n` is below 1.
    """
    if order not in get_args(Order):
        raise OptionError(f"There is no order {order!r}.  {did_you_mean(order, get_args(Order))}")
    if n < 1:
        raise OptionError(f"n is {n}; it must be at least 1.")
    rows = np.array(token_ids, np.int32)
    found = [[Filled(row, np.zeros(len(row)))] for row in rows]
    while unfinished := [texts for texts in found if mask_id in texts[0].token_ids]:
        likelihoods = _likelihoods(
            predict, [text for texts in unfinished for text in texts], mask_id
        )
        for texts in unfinished:
            grown = [one for text in texts for one in _grown(text, next(likelihoods), order, n)]
            # one text may be reached in several ways: the likeliest counts
            best = {one.token_ids.tobytes(): one for one in sorted(grown, key=_score)}
            texts[:] = sorted(best.values(), key=_score, reverse=True)[:n]
    return found


def _score(text: Filled) -> float:
    return text.score


def _likelihoods(
    predict: Predict, texts: Sequence[Filled], mask_id: int
) -> Iterator[dict[int, np.ndarray]]:
    """For each text what its gaps may be: place -> log-probabilities `(vocabulary,)`."""
    token_ids = np.stack([text.token_ids for text in texts])
    rows, places = np.nonzero(token_ids == mask_id)
    logits = predict(token_ids, rows, places).astype(np.float32)
    logits[:, mask_id] = -np.inf
    found = log_probabilities(logits)
    for row in range(len(texts)):
        yield dict(zip(places[rows == row].tolist(), found[rows == row], strict=True))


def _grown(
    text: Filled, likelihoods: dict[int, np.ndarray], order: Order, n: int
) -> Iterator[Filled]:
    """The `n` best ways to fill the gaps whose turn it is."""
    places = list(likelihoods)
    if order == "left to right":
        places = places[:1]
    elif order == "confident first":
        places = [max(places, key=lambda place: likelihoods[place].max())]
    best: list[tuple[float, list[int]]] = [(0.0, [])]
    for place in places:
        tokens = largest(likelihoods[place], n)
        tokens = tokens[np.argsort(-likelihoods[place][tokens], kind="stable")[:n]]
        best = [
            (total + float(likelihoods[place][token]), [*chosen, token])
            for total, chosen in best
            for token in tokens.tolist()
        ]
        best = sorted(best, key=lambda one: -one[0])[:n]
    for _, chosen in best:
        token_ids, log_probabilities = text.token_ids.copy(), text.log_probabilities.copy()
        token_ids[places] = chosen
        log_probabilities[places] = [
            likelihoods[place][token] for place, token in zip(places, chosen, strict=True)
        ]
        yield Filled(token_ids, log_probabilities)


def gibbs_samples(
    predict: Predict,
    token_ids: np.ndarray,
    positions: np.ndarray,
    mask_id: int,
    *,
    burn_in: int = 0,
    every: int = 1,
    temperature: float = 1.0,
    seed: int = 0,
) -> Iterator[np.ndarray]:
    """Draws whole texts from a masked language model, without end.

    In each sweep every row masks its positions one after the other, in an order that is drawn
    anew, and draws that token again.

    Args:
        predict: The model.
        token_ids: `(rows, length)` to begin with; each row is a chain of its own.
        positions: `(changing,)`, those that may change.
        mask_id: It is never drawn.
        burn_in: Sweeps before the first text that is given.
        every: Sweeps from one text that is given to the next.
        temperature: What logits are divided by.
        seed: The same seed gives the same texts, of a row whatever rows are beside it.

    Yields:
        `(rows, length)` int32.

    Raises:
        OptionError: a number that cannot work.

    Reference: https://arxiv.org/abs/1902.04094
    """
    if burn_in < 0 or every < 1:
        raise OptionError(f"burn_in is {burn_in} and every {every}; at least 0 and 1 are possible.")
    if not temperature > 0:
        raise OptionError(f"temperature is {temperature}; it must be above 0.")
    if not 0 <= seed < 2**64:
        raise OptionError(f"seed is {seed}; it must be at least 0 and below 2^64.")
    state = np.array(token_ids, np.int32)
    rows = np.arange(len(state))
    randoms = [random_numbers.stream(seed, 0, row) for row in rows.tolist()]
    sweep = 0
    while True:
        for places in np.stack([random.permutation(positions) for random in randoms], axis=1):
            state[rows, places] = mask_id
            logits = predict(state, rows, places).astype(np.float32)
            logits[:, mask_id] = -np.inf
            state[rows, places] = [
                distribution(logits[row], temperature=temperature).draw(randoms[row].random())
                for row in rows
            ]
        sweep += 1
        if sweep > burn_in and (sweep - burn_in) % every == 0:
            yield state.copy()
