"""From logits to the distribution that the next token is drawn from, and the draw.

Each filter looks at what the one before it left, in the order of the arguments.  They keep the
same tokens as those of transformers; where that keeps any of several equal tokens, the one
with the lower number is kept here.  Vocabularies are large and what is kept is small, so no
filter sorts more than it must.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

_BLOCK = 512  # weights that are summed before their sums are


@dataclass(frozen=True, eq=False)
class Distribution:
    """Tokens and their weights; all others have probability zero.

    Attributes:
        token_ids: `(tokens,)` int64, ascending.
        weights: `(tokens,)` float32 or float64, not negative: the probabilities times any
            number.
    """

    token_ids: np.ndarray
    weights: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """`(tokens,)` float64, with sum 1."""
        weights = self.weights.astype(np.float64)
        return weights / weights.sum()

    def probability(self, token_id: int) -> float:
        """Of one token, 0.0 for one that is not among them."""
        place = int(np.searchsorted(self.token_ids, token_id))
        if place == len(self.token_ids) or self.token_ids[place] != token_id:
            return 0.0
        return float(self.weights[place] / self.weights.sum(dtype=np.float64))

    def draw(self, uniform: float) -> int:
        """The token at `uniform`, from 0 to below 1, of the cumulative distribution.

        A token of weight zero is never drawn.
        """
        starts = np.arange(0, len(self.weights), _BLOCK)
        ends = np.cumsum(np.add.reduceat(self.weights, starts, dtype=np.float64))
        target = uniform * ends[-1]
        block = int(np.searchsorted(ends, target, side="right"))
        weights = self.weights[block * _BLOCK : (block + 1) * _BLOCK]
        inside = np.cumsum(weights, dtype=np.float64) + (ends[block - 1] if block else 0.0)
        # rounding may leave the target behind the block's end: then it is the last that counts
        place = min(int(np.searchsorted(inside, target, side="right")), np.flatnonzero(weights)[-1])
        return int(self.token_ids[block * _BLOCK + place])

    def without(self, other: Distribution) -> Self:
        """What is left of the probabilities where they exceed those of `other`."""
        left = self.probabilities
        _, here, there = np.intersect1d(
            self.token_ids, other.token_ids, assume_unique=True, return_indices=True
        )
        left[here] = np.maximum(left[here] - other.probabilities[there], 0.0)
        # two equal distributions leave nothing; rounding may still ask for it
        return type(self)(self.token_ids, left) if left.any() else self


def distribution(
    logits: np.ndarray,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    typical_p: float | None = None,
) -> Distribution:
    """The distribution of the next token.

    Args:
        logits: `(vocabulary,)` float32; `-inf` forbids a token.  One at least is above that.
        temperature: What logits are divided by; 0: only the best token is left.
        top_k: Keep the k best, and any that equal the last of them.
        top_p: Keep the fewest best that have this probability together: also the one that
            crosses it.
        min_p: Keep those that have at least this share of the probability of the best.
        typical_p: Keep the fewest that have this probability together, beginning with those
            whose information is nearest to the entropy (https://arxiv.org/abs/2202.00666).

    Raises:
        ValueError: a logit is no number, or all of them are `-inf`.
    """
    best = float(logits.max())  # is NaN if any is
    if not math.isfinite(best):
        raise ValueError(f"Nothing can be drawn from logits whose maximum is {best}.")
    if np.float32(temperature) == 0:
        return Distribution(np.array([int(logits.argmax())]), np.ones(1))
    token_ids = np.arange(len(logits))
    if top_k is not None:
        token_ids = _best(logits, top_k)
        logits = logits[token_ids]
    distances = np.float32(best) - logits
    with np.errstate(over="ignore"):  # a temperature near 0 makes infinity of a difference
        weights = np.exp(-distances / np.float32(temperature))
    if weights.min() == 0:  # forbidden, or too small to be drawn
        kept = np.flatnonzero(weights)
        token_ids, distances, weights = token_ids[kept], distances[kept], weights[kept]
    if top_p is not None and top_p < 1:
        kept = _nearest(distances, weights, top_p)
        token_ids, weights = token_ids[kept], weights[kept]
    if min_p is not None:
        kept = np.flatnonzero(weights >= min_p * weights.max())
        token_ids, weights = token_ids[kept], weights[kept]
    if typical_p is not None and typical_p < 1:
        information = np.log(weights.sum(dtype=np.float64)).astype(np.float32) - np.log(weights)
        entropy = (information * np.exp(-information)).sum(dtype=np.float64)
        kept = _nearest(np.abs(information - np.float32(entropy)), weights, typical_p)
        token_ids, weights = token_ids[kept], weights[kept]
    return Distribution(token_ids, weights)


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """Log-softmax over the last axis, float32."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(shifted).sum(axis=-1, keepdims=True, dtype=np.float64)
    shifted -= np.log(total).astype(np.float32)
    return shifted


def log_probabilities_of(logits: np.ndarray, token_ids: np.ndarray) -> np.ndarray:
    """Log-softmax over the last axis, of one token each: float64 of the shape of `token_ids`."""
    best = logits.max(axis=-1, keepdims=True)
    total = np.exp(logits - best).sum(axis=-1, dtype=np.float64)
    chosen = np.take_along_axis(logits, token_ids[..., None].astype(np.int64), axis=-1)
    return (chosen - best)[..., 0].astype(np.float64) - np.log(total)


def largest(values: np.ndarray, count: int) -> np.ndarray:
    """Where the `count` largest of `values` are, and perhaps some of the next ones.

    Of blocks that cut the values up, `count` have a maximum of at least the `count`-th largest
    maximum, and so that many values are no less than it: a bound found without sorting them.

    Returns:
        Places in ascending order: all values above some bound, but none that is `-inf`.
    """
    bound = -np.inf
    blocks = 8 * count
    if blocks * 4 <= len(values):
        whole = len(values) // blocks * blocks
        maxima = values[:whole].reshape(-1, blocks).max(axis=0)
        bound = np.partition(maxima, -count)[-count]
    return np.flatnonzero(values >= bound if bound > -np.inf else values > bound)


def _best(logits: np.ndarray, count: int) -> np.ndarray:
    """The `count` best, and any that equal the last of them, ascending."""
    places = largest(logits, count)
    if count >= len(places):
        return places
    values = logits[places]
    return places[values >= np.partition(values, -count)[-count]]


def _nearest(distances: np.ndarray, weights: np.ndarray, share: float) -> np.ndarray:
    """The fewest places, the nearest first, whose weights reach a share of all.

    Only the last of them have to be told apart, so only these are sorted: the weights are
    summed by the leading bits of the distance, which order numbers above zero as they are.

    Args:
        distances: `(places,)` float32, 0 or more.
        weights: `(places,)` float32.
        share: Above 0.

    Returns:
        Ascending.
    """
    # each of 256 for a doubling; without its sign, for -0 is a distance too
    buckets = np.abs(distances).view(np.int32) >> 15
    reached = np.cumsum(np.bincount(buckets, weights))
    target = share * reached[-1]
    last = int(np.searchsorted(reached, target))
    disputed = np.flatnonzero(buckets == last)
    disputed = disputed[np.argsort(distances[disputed], kind="stable")]
    inside = np.cumsum(weights[disputed], dtype=np.float64) + (reached[last - 1] if last else 0.0)
    count = int(np.searchsorted(inside, target)) + 1
    kept = buckets < last
    kept[disputed[:count]] = True
    return np.flatnonzero(kept)
