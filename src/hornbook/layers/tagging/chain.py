"""Sums and maxima over all tag sequences of a text, one token after another.

Emissions are `(batch, length, tags)` and 0 where `real`, `(batch, length)` and boolean, is False;
`transitions` is `(tags, tags)`, from row to column; `start` and `end` are `(tags,)`.  A masked
position passes on what came to it, so real tokens may be anywhere.

A scan has one step to compile, whatever the length.  A tree of products of `(tags, tags)` matrices
has fewer sequential steps and took longer on CPUs in every case, to compile and to run.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from hornbook.layers.tensors import Tensor


def at_real(real: Tensor, x: Tensor, otherwise: float) -> Tensor:
    """`x`, `(batch, length, tags)`, with a constant at masked positions."""
    return ops.where(ops.cast(real, "bool")[:, :, None], x, ops.cast(otherwise, x.dtype))


def _by_step(emissions: Tensor, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What `scan` goes through: emissions `(length, batch, tags)`, whether a token is real and
    whether it is the first real one, `(length, batch, 1)`."""
    first = ops.logical_and(real, ops.cumsum(ops.cast(real, "int32"), axis=1) == 1)
    return (
        ops.transpose(emissions, (1, 0, 2)),
        ops.transpose(real)[:, :, None],
        ops.transpose(first)[:, :, None],
    )


def forward_sums(emissions: Tensor, real: Tensor, transitions: Tensor, start: Tensor) -> Tensor:
    """The logarithms of the sums over what may come before, `(length, batch, tags)`, with the
    token itself; a masked position repeats the one before it."""

    def step(before: Tensor, inputs: Any) -> tuple[Tensor, Tensor]:
        emission, real, first = inputs
        arrived = ops.logsumexp(before[:, :, None] + transitions, axis=1)
        arrived = ops.where(first, start, arrived) + emission
        before = ops.where(real, arrived, before)
        return before, before

    return ops.scan(step, ops.zeros_like(emissions[:, 0]), _by_step(emissions, real))[1]


def backward_sums(emissions: Tensor, real: Tensor, transitions: Tensor, end: Tensor) -> Tensor:
    """The logarithms of the sums over what may come after, `(length, batch, tags)`, without the
    token itself."""

    def step(after: Tensor, inputs: Any) -> tuple[Tensor, Tensor]:
        emission, real, _ = inputs
        arrived = ops.logsumexp((after + emission)[:, None, :] + transitions, axis=2)
        return ops.where(real, arrived, after), after

    last = ops.zeros_like(emissions[:, 0]) + end
    return ops.scan(step, last, _by_step(emissions, real), reverse=True)[1]


def log_normalizer(
    emissions: Tensor, real: Tensor, transitions: Tensor, start: Tensor, end: Tensor
) -> Tensor:
    """The logarithm of the sum of `exp(score)` over all tags of each text, `(batch,)`; 0 without a
    real token."""
    total = ops.logsumexp(forward_sums(emissions, real, transitions, start)[-1] + end, axis=-1)
    return ops.where(ops.any(real, axis=1), total, ops.zeros_like(total))


def tag_probabilities(
    emissions: Tensor, real: Tensor, transitions: Tensor, start: Tensor, end: Tensor
) -> Tensor:
    """The probability of each tag of each token, `(batch, length, tags)`; 0 at masked positions."""
    before = forward_sums(emissions, real, transitions, start)
    after = backward_sums(emissions, real, transitions, end)
    normalizer = ops.logsumexp(before[-1] + end, axis=-1, keepdims=True)
    probabilities = ops.exp(ops.minimum(before + after - normalizer, 0.0))
    return at_real(real, ops.transpose(probabilities, (1, 0, 2)), 0.0)


def path_score(
    emissions: Tensor, tags: Tensor, real: Tensor, transitions: Tensor, start: Tensor, end: Tensor
) -> Tensor:
    """The score of tags, which are 0 at masked positions."""
    weights = ops.cast(real, emissions.dtype)
    score = ops.take_along_axis(emissions, tags[:, :, None], axis=2)[:, :, 0] * weights
    # the real tokens moved to the front are neighbours there
    length = ops.shape(tags)[1]
    positions = ops.arange(length, dtype="int32")
    order = ops.argsort(ops.where(real, positions, positions + length), axis=1)
    tags = ops.take_along_axis(tags, order, axis=1)
    count = ops.sum(ops.cast(real, "int32"), axis=1, keepdims=True)
    both = ops.cast(positions[1:] < count, emissions.dtype)
    pairs = tags[:, :-1] * transitions.shape[0] + tags[:, 1:]
    between = ops.sum(ops.take(ops.reshape(transitions, (-1,)), pairs) * both, axis=1)
    last = ops.take_along_axis(tags, ops.maximum(count - 1, 0), axis=1)[:, 0]
    score = ops.sum(score, axis=1) + between + ops.take(start, tags[:, 0]) + ops.take(end, last)
    return ops.where(count[:, 0] > 0, score, ops.zeros_like(score))


def best_tags(
    emissions: Tensor, real: Tensor, transitions: Tensor, start: Tensor, end: Tensor
) -> Tensor:
    """The tags with the highest score, `(batch, length)`, 0 at masked positions; see `viterbi`."""
    itself = ops.arange(transitions.shape[0], dtype="int32")

    def step(carry: Any, inputs: Any) -> tuple[Any, Any]:
        score, _ = carry
        emission, real, first = inputs
        candidates = score[:, :, None] + transitions
        arrived = ops.where(first, start, ops.max(candidates, axis=1)) + emission
        pointers = ops.where(real, ops.cast(ops.argmax(candidates, axis=1), "int32"), itself)
        carry = (ops.where(real, arrived, score), pointers)
        return carry, carry

    def step_back(tag: Tensor, pointers: Tensor) -> tuple[Tensor, Tensor]:
        return ops.take_along_axis(pointers, tag, axis=1), tag

    score = ops.zeros_like(emissions[:, 0])
    (score, _), (_, pointers) = ops.scan(
        step, (score, ops.cast(score, "int32")), _by_step(emissions, real)
    )
    last = ops.cast(ops.argmax(score + end, axis=1, keepdims=True), "int32")
    tags = ops.transpose(ops.scan(step_back, last, pointers, reverse=True)[1][:, :, 0])
    return ops.where(real, tags, ops.zeros_like(tags))
