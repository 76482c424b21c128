"""A maximum-entropy Markov model of tags, in both directions."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.tagging.chain import is_first, is_last, neighbor_positions
from hornbook.layers.tagging.transition_layer import TransitionLayer, with_penalties
from hornbook.layers.tensors import Initializer, Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class MEMM(TransitionLayer):
    """A maximum-entropy Markov model on the scores of each token's tags, in both directions.

    Each tag has a probability given the tag before it, the softmax of half the sum of its emission
    and of a score for the pair, and another given the tag after it, with the same scores for
    pairs.  The first tag from each side has the softmax of its emission.  The likelihood of a
    text's tags is the geometric mean of both directions.  In contrast to a `CRF` no sum over all
    tags is needed in training.

    Used as `CRF` is: `loss`, `log_likelihood`, `log_partition`, `marginals` and `decode` are its
    own.  The last three normalize the mean of both directions over all tags of a text.

    Args:
        num_tags: Number of tags.
        rank: The scores of pairs are the product of two matrices of so many columns.  Defaults to
            one matrix `(tags, tags)`.
        allowed, allowed_start, allowed_end: See `CRF`.
        transition_multiplier: See `CRF`; with `rank`, of each of the two matrices.
        transition_initializer: Of the scores of pairs, before they are divided.
        transition_regularizer, transition_constraint: Of the scores of pairs as stored.

    Call arguments and result are those of `CRF`.

    Reference: https://kexue.fm/archives/7213
    """

    def __init__(
        self,
        num_tags: int,
        *,
        rank: int | None = None,
        allowed: Any = None,
        allowed_start: Any = None,
        allowed_end: Any = None,
        transition_multiplier: float = 1.0,
        transition_initializer: Initializer = "glorot_uniform",
        transition_regularizer: Any = None,
        transition_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            num_tags,
            allowed=allowed,
            allowed_start=allowed_start,
            allowed_end=allowed_end,
            transition_multiplier=transition_multiplier,
            transition_initializer=transition_initializer,
            transition_regularizer=transition_regularizer,
            transition_constraint=transition_constraint,
            **kwargs,
        )
        self.rank = rank

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rank": self.rank}

    def build(self, emissions_shape: Shape) -> None:
        super().build(emissions_shape)
        if self.rank is None:
            shape: Shape = (self.num_tags, self.num_tags)
            self.stored_transitions = self._weight("transitions", shape, "transition")
            return
        shape = (self.num_tags, self.rank)
        self.stored_before = self._weight("before", shape, "transition")
        self.stored_after = self._weight("after", shape, "transition")

    def scores(self) -> Tensor:
        """Returns the scores of pairs `(tags, tags)`, of a tag (row) before a tag (column): what is
        stored times the multiplier, with the penalties of what is not allowed."""
        self._require_weights()
        if self.rank is None:
            scores = self._multiplied(self.stored_transitions)
        else:
            before, after = map(self._multiplied, (self.stored_before, self.stored_after))
            scores = ops.matmul(before, ops.transpose(after))
        return with_penalties(scores, self.allowed)

    def _log_likelihood(self, emissions: Tensor, tags: Tensor, real: Tensor) -> Tensor:
        scores = self.scores()
        total = 0.0
        for side, position, matrix, legal in (
            (is_first(real), neighbor_positions(real)[0], scores, self.allowed_start),
            (is_last(real), neighbor_positions(real)[1], ops.transpose(scores), self.allowed_end),
        ):
            neighbors = ops.take_along_axis(tags, position, axis=1)
            logits = ops.where(
                side[:, :, None],
                with_penalties(emissions, legal),
                (emissions + ops.take(matrix, neighbors, axis=0)) / 2,
            )
            chosen = ops.take_along_axis(ops.log_softmax(logits), tags[:, :, None], axis=2)
            total = total + ops.sum(chosen[:, :, 0] * ops.cast(real, chosen.dtype), axis=1)
        return total / 2

    def potentials(self, emissions: Tensor, real: Tensor) -> tuple[Tensor, ...]:
        emissions, real = ops.convert_to_tensor(emissions), ops.convert_to_tensor(real)
        scores = self.scores()
        before, _ = neighbor_positions(real)
        emissions_before = ops.take_along_axis(emissions, before[:, :, None], axis=1)
        forward = ops.log_softmax((emissions[:, :, None, :] + scores) / 2, axis=-1)
        backward = ops.log_softmax((emissions_before[:, :, :, None] + scores) / 2, axis=-2)
        ends = sum(
            ops.where(side[:, :, None], ops.log_softmax(with_penalties(emissions, legal)), 0.0)
            for side, legal in (
                (is_first(real), self.allowed_start),
                (is_last(real), self.allowed_end),
            )
        )
        nothing = ops.zeros((self.num_tags,), emissions.dtype)
        return ends / 2, (forward + backward) / 2, nothing, nothing
