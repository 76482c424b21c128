"""Writes with a masked language model, which sees both sides of a gap.

`predict` is any function from token ids `(rows, length)` to logits `(rows, length, vocabulary)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, get_args

import numpy as np

from hornbook.errors import OptionError, did_you_mean
from hornbook.generation.sampling import distribution, log_probabilities

Predict = Callable[[np.ndarray], np.ndarray]
Order = Literal["at once", "confident first", "left to right"]


class Filled(NamedTuple):
    """Texts without gaps.

    Attributes:
        token_ids: `(rows, length)` int32.
        log_probabilities: `(rows, length)` float64, of each filled token when it was chosen;
            0 elsewhere.
    """

    token_ids: np.ndarray
    log_probabilities: np.ndarray


def fill_masks(
    predict: Predict, token_ids: np.ndarray, mask_id: int, order: Order = "confident first"
) -> Filled:
    """Puts the likeliest token into every gap.

    Args:
        predict: The model.
        token_ids: `(rows, length)`; a gap is `mask_id`.
        mask_id: It is never chosen itself.
        order: `"at once"`: each gap by itself, one call of the model.  The others fill one gap
            of each row a call and look again: the surest one, or the first.

    Raises:
        OptionError: there is no such order.
    """
    if order not in get_args(Order):
        raise OptionError(f"There is no order {order!r}.  {did_you_mean(order, get_args(Order))}")
    token_ids = np.array(token_ids, np.int32)
    found = np.zeros(token_ids.shape)
    while (gaps := token_ids == mask_id).any():
        logits = predict(token_ids).astype(np.float32)
        logits[..., mask_id] = -np.inf
        likelihoods = log_probabilities(logits)
        best, sureness = likelihoods.argmax(axis=-1), likelihoods.max(axis=-1)
        if order != "at once":
            worth = sureness if order == "confident first" else -np.arange(token_ids.shape[1])
            chosen = np.where(gaps, worth, -np.inf).argmax(axis=1)
            gaps &= np.arange(token_ids.shape[1]) == chosen[:, None]
        token_ids[gaps] = best[gaps]
        found[gaps] = sureness[gaps]
    return Filled(token_ids, found)


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

    In each step every row masks one of its positions at random and draws that token again.

    Args:
        predict: The model.
        token_ids: `(rows, length)` to begin with; each row is a chain of its own.
        positions: `(changing,)`, those that may change.
        mask_id: It is never drawn.
        burn_in: Steps before the first text that is given.
        every: Steps from one text that is given to the next.
        temperature: What logits are divided by.
        seed: The same seed gives the same texts.

    Yields:
        `(rows, length)` int32.

    Reference: https://arxiv.org/abs/1902.04094
    """
    if burn_in < 0 or every < 1:
        raise OptionError(f"burn_in is {burn_in} and every {every}; at least 0 and 1 are possible.")
    random = np.random.Generator(np.random.Philox(seed))
    state = np.array(token_ids, np.int32)
    rows = np.arange(len(state))
    step = 0
    while True:
        places = random.choice(np.asarray(positions), len(state))
        state[rows, places] = mask_id
        logits = predict(state)[rows, places].astype(np.float32)
        logits[:, mask_id] = -np.inf
        for row, uniform in enumerate(random.random(len(state))):
            drawn = distribution(logits[row], temperature=temperature).draw(uniform)
            state[row, places[row]] = drawn
        step += 1
        if step > burn_in and (step - burn_in) % every == 0:
            yield state.copy()
