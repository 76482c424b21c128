"""Sums and maxima over all tag sequences of a text, one token after another.

Emissions are `(batch, length, tags)` and 0 where `real`, `(batch, length)` and boolean, is False;
`transitions` is `(tags, tags)`, from row to column, or `(batch, length, tags, tags)`, where
`[:, t]` leads from the real token before to the token at `t`; `start` and `end` are `(tags,)`.  A
masked position passes on what came to it, so real tokens may be anywhere.

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


def is_first(real: Tensor) -> Tensor:
    """Which token is the first real one of its text, `(batch, length)`."""
    return ops.logical_and(real, ops.cumsum(ops.cast(real, "int32"), axis=1) == 1)


def is_last(real: Tensor) -> Tensor:
    """Which token is the last real one of its text, `(batch, length)`."""
    count = ops.cumsum(ops.cast(real, "int32"), axis=1)
    return ops.logical_and(real, count == count[:, -1:])


def neighbor_positions(real: Tensor) -> tuple[Tensor, Tensor]:
    """Where the real tokens before and after each real token are, `(batch, length)` each; any
    position where there is none."""
    positions = ops.arange(ops.shape(real)[1], dtype="int32")
    length = ops.shape(real)[1]
    order = ops.argsort(ops.where(real, positions, positions + length), axis=1)
    rank = ops.cumsum(ops.cast(real, "int32"), axis=1) - 1
    before = ops.take_along_axis(order, ops.maximum(rank - 1, 0), axis=1)
    after = ops.take_along_axis(order, ops.clip(rank + 1, 0, length - 1), axis=1)
    return before, after


def _by_step(emissions: Tensor, real: Tensor, transitions: Tensor) -> tuple[Tensor, ...]:
    """What `scan` goes through: emissions `(length, batch, tags)`, whether a token is real and
    whether it is the first real one, `(length, batch, 1)`, and transitions that differ."""
    steps: tuple[Tensor, ...] = (
        ops.transpose(emissions, (1, 0, 2)),
        ops.transpose(real)[:, :, None],
        ops.transpose(is_first(real))[:, :, None],
    )
    if len(transitions.shape) == 4:
        steps = (*steps, ops.transpose(transitions, (1, 0, 2, 3)))
    return steps


def forward_sums(
    emissions: Tensor, real: Tensor, transitions: Tensor, start: Tensor
) -> tuple[Tensor, Tensor]:
    """The logarithms of the sums over what may come before, with the token itself: `(batch, tags)`
    at the last real token, and `(length, batch, tags)`, where a masked position repeats the one
    before it."""

    def step(before: Tensor, inputs: Any) -> tuple[Tensor, Tensor]:
        emission, real, first, *own = inputs
        matrix = own[0] if own else transitions
        arrived = ops.logsumexp(before[:, :, None] + matrix, axis=1)
        arrived = ops.where(first, start, arrived) + emission
        before = ops.where(real, arrived, before)
        return before, before

    steps = _by_step(emissions, real, transitions)
    last, sums = ops.scan(step, ops.zeros_like(emissions[:, 0]), steps)
    return last, sums


def backward_sums(emissions: Tensor, real: Tensor, transitions: Tensor, end: Tensor) -> Tensor:
    """The logarithms of the sums over what may come after, `(length, batch, tags)`, without the
    token itself."""

    def step(after: Tensor, inputs: Any) -> tuple[Tensor, Tensor]:
        emission, real, _, *own = inputs
        matrix = own[0] if own else transitions
        arrived = ops.logsumexp((after + emission)[:, None, :] + matrix, axis=2)
        return ops.where(real, arrived, after), after

    last = ops.zeros_like(emissions[:, 0]) + end
    return ops.scan(step, last, _by_step(emissions, real, transitions), reverse=True)[1]


def log_normalizer(
    emissions: Tensor, real: Tensor, transitions: Tensor, start: Tensor, end: Tensor
) -> Tensor:
    """The logarithm of the sum of `exp(score)` over all tags of each text, `(batch,)`; 0 without a
    real token."""
    last, _ = forward_sums(emissions, real, transitions, start)
    total = ops.logsumexp(last + end, axis=-1)
    return ops.where(ops.any(real, axis=1), total, ops.zeros_like(total))


def tag_probabilities(
    emissions: Tensor, real: Tensor, transitions: Tensor, start: Tensor, end: Tensor
) -> Tensor:
    """The probability of each tag of each token, `(batch, length, tags)`; 0 at masked positions."""
    last, before = forward_sums(emissions, real, transitions, start)
    after = backward_sums(emissions, real, transitions, end)
    normalizer = ops.logsumexp(last + end, axis=-1, keepdims=True)
    probabilities = ops.exp(ops.minimum(before + after - normalizer, 0.0))
    return at_real(real, ops.transpose(probabilities, (1, 0, 2)), 0.0)


def path_score(
    emissions: Tensor, tags: Tensor, real: Tensor, transitions: Tensor, start: Tensor, end: Tensor
) -> Tensor:
    """The score of tags, `(batch,)`; these are 0 at masked positions, and `transitions` is
    `(tags, tags)`."""
    dtype = emissions.dtype
    score = ops.take_along_axis(emissions, tags[:, :, None], axis=2)[:, :, 0]
    score = score * ops.cast(real, dtype)
    before, _ = neighbor_positions(real)
    pairs = ops.take_along_axis(tags, before, axis=1) * transitions.shape[0] + tags
    first = is_first(real)
    inner = ops.cast(ops.logical_and(real, ops.logical_not(first)), dtype)
    score = score + ops.take(ops.reshape(transitions, (-1,)), pairs) * inner
    score = score + ops.take(start, tags) * ops.cast(first, dtype)
    score = score + ops.take(end, tags) * ops.cast(is_last(real), dtype)
    return ops.sum(score, axis=1)


def best_tags(
    emissions: Tensor, real: Tensor, transitions: Tensor, start: Tensor, end: Tensor
) -> Tensor:
    """The tags with the highest score, `(batch, length)`, 0 at masked positions; see `viterbi`."""
    itself = ops.arange(transitions.shape[-1], dtype="int32")

    def step(carry: Any, inputs: Any) -> tuple[Any, Any]:
        score, _ = carry
        emission, real, first, *own = inputs
        candidates = score[:, :, None] + (own[0] if own else transitions)
        arrived = ops.where(first, start, ops.max(candidates, axis=1)) + emission
        pointers = ops.where(real, ops.cast(ops.argmax(candidates, axis=1), "int32"), itself)
        carry = (ops.where(real, arrived, score), pointers)
        return carry, carry

    def step_back(tag: Tensor, pointers: Tensor) -> tuple[Tensor, Tensor]:
        return ops.take_along_axis(pointers, tag, axis=1), tag

    score = ops.zeros_like(emissions[:, 0])
    (score, _), (_, pointers) = ops.scan(
        step, (score, ops.cast(score, "int32")), _by_step(emissions, real, transitions)
    )
    last = ops.cast(ops.argmax(score + end, axis=1, keepdims=True), "int32")
    tags = ops.transpose(ops.scan(step_back, last, pointers, reverse=True)[1][:, :, 0])
    return ops.where(real, tags, ops.zeros_like(tags))
