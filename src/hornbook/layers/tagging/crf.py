"""A linear-chain conditional random field: tags of a text that depend on each other."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.tagging.chain import log_normalizer, path_score
from hornbook.layers.tagging.transition_layer import TransitionLayer, with_penalties
from hornbook.layers.tensors import Initializer, Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class CRF(TransitionLayer):
    """A linear-chain conditional random field on the scores of each token's tags.

    The score of a text's tags is the sum of their emissions, of a score for each pair of
    neighbors, and of a score for the first and the last tag; their probability is the softmax of
    that over all possible tags of the text.  A new CRF is a softmax for each token.

    The layer passes the emissions on, for its methods and for a loss:

        crf = CRF(num_tags)
        model = keras.Model(inputs, crf(keras.layers.Dense(num_tags)(x)))
        model.compile("adam", loss=crf.loss)
        tags = crf.decode(model.predict(texts))

    Neighbors are the real tokens next to each other: masked positions between them are skipped.

    Args:
        num_tags: Number of tags.
        allowed: Boolean `(tags, tags)`, whether a tag (row) may come before a tag (column).  What
            is not allowed costs 10,000, in training too.  Defaults to everything.
        allowed_start: Boolean `(tags,)`, whether a text may begin with a tag.
        allowed_end: Boolean `(tags,)`, whether a text may end with a tag.
        transition_multiplier: Multiplies the learning rate of the scores of transitions, start and
            end, which otherwise hardly move while an encoder is fine-tuned: they are stored
            divided by it, since Adam does not notice a larger gradient.  100 to 1000 is usual.
        transition_initializer: Of the transitions, before they are divided.
        transition_regularizer, transition_constraint: Of the transitions as stored.
        boundary_initializer: Of the scores of start and end, before they are divided.
        boundary_regularizer, boundary_constraint: Of the scores of start and end as stored.

    Call arguments:
        emissions: `(batch, length, tags)`.
        padding_mask: `(batch, length)`, True or 1 at real tokens, which may be anywhere.  Defaults
            to the mask that Keras carries with `emissions`, and without one to all tokens.
        mask, emissions_mask: Filled in by Keras.

    Returns:
        The emissions, `(batch, length, tags)`, in float32, with -1e9 for every tag of a masked
        position.  So the methods recognize masked positions in what the layer returned, without a
        mask.

    References: Lafferty et al. 2001; the multiplier https://kexue.fm/archives/7196
    """

    def __init__(
        self,
        num_tags: int,
        *,
        allowed: Any = None,
        allowed_start: Any = None,
        allowed_end: Any = None,
        transition_multiplier: float = 1.0,
        transition_initializer: Initializer = "zeros",
        transition_regularizer: Any = None,
        transition_constraint: Any = None,
        boundary_initializer: Initializer = "zeros",
        boundary_regularizer: Any = None,
        boundary_constraint: Any = None,
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
        self.boundary_initializer = keras.initializers.get(boundary_initializer)
        self.boundary_regularizer = keras.regularizers.get(boundary_regularizer)
        self.boundary_constraint = keras.constraints.get(boundary_constraint)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._serialized("boundary")}

    def build(self, emissions_shape: Shape) -> None:
        super().build(emissions_shape)
        shape = (self.num_tags,)
        self.stored_transitions = self._weight("transitions", (*shape, *shape), "transition")
        self.stored_start = self._weight("start", shape, "boundary")
        self.stored_end = self._weight("end", shape, "boundary")

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the scores of transitions `(tags, tags)`, of start and of end `(tags,)`: what is
        stored times the multiplier, with the penalties of what is not allowed."""
        self._require_weights()
        return (
            with_penalties(self._multiplied(self.stored_transitions), self.allowed),
            with_penalties(self._multiplied(self.stored_start), self.allowed_start),
            with_penalties(self._multiplied(self.stored_end), self.allowed_end),
        )

    def _log_likelihood(self, emissions: Tensor, tags: Tensor, real: Tensor) -> Tensor:
        scores = self.scores()
        score = path_score(emissions, tags, real, *scores)
        # rounding could make a probability larger than 1
        return ops.minimum(score - log_normalizer(emissions, real, *scores), 0.0)

    def potentials(self, emissions: Tensor, real: Tensor) -> tuple[Tensor, ...]:
        return (emissions, *self.scores())
