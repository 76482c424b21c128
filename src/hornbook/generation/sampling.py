"""From logits to the distribution of the next token, and sampling from it.

Filters apply in the order of the arguments, each to what the previous one kept.  They keep the
same tokens as those of transformers; where that breaks a tie arbitrarily, the lower token id wins
here.  Vocabularies are large and few tokens are kept, so no filter sorts more than it must.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

_BLOCK = 512  # weights per partial sum


@dataclass(frozen=True, eq=False)
class Distribution:
    """Tokens and their weights; all others have probability zero.

    Attributes:
        token_ids: `(tokens,)` int64, ascending.
        weights: `(tokens,)` float32 or float64, not negative: unnormalized probabilities.
    """

    token_ids: np.ndarray
    weights: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """`(tokens,)` float64, with sum 1."""
        weights = self.weights.astype(np.float64)
        return np.asarray(weights / weights.sum())

    def probability(self, token_id: int) -> float:
        """Returns the probability of one token, 0.0 if it is not among them."""
        place = int(np.searchsorted(self.token_ids, token_id))
        if place == len(self.token_ids) or self.token_ids[place] != token_id:
            return 0.0
        return float(self.weights[place] / self.weights.sum(dtype=np.float64))

    def draw(self, uniform: float) -> int:
        """Returns the token at `uniform`, in [0, 1), of the cumulative distribution.

        A token of weight zero is never drawn.
        """
        starts = np.arange(0, len(self.weights), _BLOCK)
        ends = np.cumsum(np.add.reduceat(self.weights, starts, dtype=np.float64))
        target = uniform * ends[-1]
        block = int(np.searchsorted(ends, target, side="right"))
        weights = self.weights[block * _BLOCK : (block + 1) * _BLOCK]
        inside = np.cumsum(weights, dtype=np.float64) + (ends[block - 1] if block else 0.0)
        # rounding may put the target beyond the end of the block: then take its last token
        place = min(int(np.searchsorted(inside, target, side="right")), np.flatnonzero(weights)[-1])
        return int(self.token_ids[block * _BLOCK + place])

    def without(self, other: Distribution) -> Self:
        """Returns the positive part of the difference of the probabilities and those of `other`."""
        rest = self.probabilities
        _, here, there = np.intersect1d(
            self.token_ids, other.token_ids, assume_unique=True, return_indices=True
        )
        rest[here] = np.maximum(rest[here] - other.probabilities[there], 0.0)
        # equal distributions leave nothing, but rounding may still lead here
        return type(self)(self.token_ids, rest) if rest.any() else self


def distribution(
    logits: np.ndarray,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    typical_p: float | None = None,
) -> Distribution:
    """Returns the distribution of the next token.

    Args:
        logits: `(vocabulary,)` float32; `-inf` forbids a token, but not all of them.
        temperature: Divisor of the logits; 0 keeps only the best token.
        top_k: Keeps the k best tokens, and any that tie with the k-th.
        top_p: Keeps the smallest set of best tokens whose probability reaches this, including
            the one that crosses it.
        min_p: Keeps the tokens with at least this share of the probability of the best one.
        typical_p: Keeps the smallest set of tokens whose probability reaches this, starting with
            those whose information is closest to the entropy (https://arxiv.org/abs/2202.00666).

    Raises:
        ValueError: a logit is NaN, or all of them are `-inf`.
    """
    best = float(logits.max())  # NaN if any logit is
    if not math.isfinite(best):
        raise ValueError(f"Cannot sample from logits whose maximum is {best}.")
    if np.float32(temperature) == 0:
        return Distribution(np.array([int(logits.argmax())]), np.ones(1))
    token_ids = np.arange(len(logits))
    if top_k is not None:
        token_ids = _best(logits, top_k)
        logits = logits[token_ids]
    distances = np.float32(best) - logits
    with np.errstate(over="ignore"):  # a temperature near 0 turns a difference into infinity
        weights = np.exp(-distances / np.float32(temperature))
    if weights.min() == 0:  # forbidden, or too unlikely to be drawn
        keep = np.flatnonzero(weights)
        token_ids, distances, weights = token_ids[keep], distances[keep], weights[keep]
    if top_p is not None and top_p < 1:
        keep = _nearest(distances, weights, top_p)
        token_ids, weights = token_ids[keep], weights[keep]
    if min_p is not None:
        keep = np.flatnonzero(weights >= min_p * weights.max())
        token_ids, weights = token_ids[keep], weights[keep]
    if typical_p is not None and typical_p < 1:
        information = np.log(weights.sum(dtype=np.float64)).astype(np.float32) - np.log(weights)
        entropy = (information * np.exp(-information)).sum(dtype=np.float64)
        keep = _nearest(np.abs(information - np.float32(entropy)), weights, typical_p)
        token_ids, weights = token_ids[keep], weights[keep]
    return Distribution(token_ids, weights)


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """Returns the log-softmax over the last axis, float32."""
    shifted: np.ndarray = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(shifted).sum(axis=-1, keepdims=True, dtype=np.float64)
    shifted -= np.log(total).astype(np.float32)
    return shifted


def log_probabilities_of(logits: np.ndarray, token_ids: np.ndarray) -> np.ndarray:
    """Returns the log-softmax of one token per row, float64 of the shape of `token_ids`."""
    best = logits.max(axis=-1, keepdims=True)
    total = np.exp(logits - best).sum(axis=-1, dtype=np.float64)
    logit = np.take_along_axis(logits, token_ids[..., None].astype(np.int64), axis=-1)
    shifted: np.ndarray = (logit - best)[..., 0].astype(np.float64)
    return np.asarray(shifted - np.log(total))


def largest(values: np.ndarray, count: int) -> np.ndarray:
    """Returns the indices of the `count` largest values, and perhaps of some of the next ones.

    When the values are cut into blocks, `count` blocks have a maximum of at least the `count`-th
    largest maximum, so at least `count` values do: a lower bound without sorting.

    Returns:
        Ascending indices of all values above some bound, without those that are `-inf`.
    """
    bound = -np.inf
    blocks = 8 * count
    if blocks * 4 <= len(values):
        whole = len(values) // blocks * blocks
        maxima = values[:whole].reshape(-1, blocks).max(axis=0)
        bound = np.partition(maxima, -count)[-count]
    return np.flatnonzero(values >= bound if bound > -np.inf else values > bound)


def _best(logits: np.ndarray, count: int) -> np.ndarray:
    """Returns the indices of the `count` best logits, and of any that tie, ascending."""
    indices = largest(logits, count)
    if count >= len(indices):
        return indices
    values = logits[indices]
    return np.asarray(indices[values >= np.partition(values, -count)[-count]])


def _nearest(distances: np.ndarray, weights: np.ndarray, share: float) -> np.ndarray:
    """Returns the smallest set of tokens, nearest first, whose weights reach a share of the total.

    Only tokens near the boundary must be compared, so only these are sorted: the weights are
    summed by the leading bits of the distance, which order positive floats correctly.

    Args:
        distances: `(tokens,)` float32, 0 or more.
        weights: `(tokens,)` float32.
        share: Above 0.

    Returns:
        Indices, ascending.
    """
    # 256 buckets per power of two; without the sign, because -0 is a distance too
    buckets = np.abs(distances).view(np.int32) >> 15
    reached = np.cumsum(np.bincount(buckets, weights))
    target = share * reached[-1]
    last = int(np.searchsorted(reached, target))
    disputed = np.flatnonzero(buckets == last)
    disputed = disputed[np.argsort(distances[disputed], kind="stable")]
    inside = np.cumsum(weights[disputed], dtype=np.float64) + (reached[last - 1] if last else 0.0)
    count = int(np.searchsorted(inside, target)) + 1
    is_near = buckets < last
    is_near[disputed[:count]] = True
    return np.flatnonzero(is_near)
