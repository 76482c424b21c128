"""A linear-chain conditional random field: tags of a text that depend on each other."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from hornbook.layers.attention.masks import first_mask
from hornbook.layers.tagging.chain import (
    at_real,
    best_tags,
    log_normalizer,
    path_score,
    tag_probabilities,
)
from hornbook.layers.tagging.masked_scores import MASKED, is_masked
from hornbook.layers.tagging.tag_loss import TagLoss
from hornbook.layers.tagging.viterbi import viterbi
from hornbook.layers.tensors import Initializer, Shape, Tensor

# What an illegal transition costs, in training as in decoding.  Finite: the loss of a text whose
# labels break the rules is large, and neither infinite nor negative.
ILLEGAL = -1e4


@keras.saving.register_keras_serializable("hornbook")
class CRF(keras.layers.Layer):
    """A linear-chain conditional random field on the scores of each token's tags.

    The score of a text's tags is the sum of their emissions, of a score for each pair of
    neighbours, and of a score for the first and the last tag; their probability is the softmax of
    that over all possible tags of the text.  A new CRF is a softmax for each token.

    The layer passes the emissions on, for its methods and for a loss:

        crf = CRF(num_tags)
        model = keras.Model(inputs, crf(keras.layers.Dense(num_tags)(x)))
        model.compile("adam", loss=crf.loss)
        tags = crf.decode(model.predict(texts))

    Neighbours are the real tokens next to each other: masked positions between them are skipped.

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
        # scores that come in float32 stay so under a policy of half precision
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self.num_tags = num_tags
        self.allowed = _boolean("allowed", allowed, (num_tags, num_tags))
        self.allowed_start = _boolean("allowed_start", allowed_start, (num_tags,))
        self.allowed_end = _boolean("allowed_end", allowed_end, (num_tags,))
        if not transition_multiplier > 0:
            raise ValueError(f"transition_multiplier is {transition_multiplier}, expected above 0.")
        self.transition_multiplier = transition_multiplier
        self.transition_initializer = keras.initializers.get(transition_initializer)
        self.transition_regularizer = keras.regularizers.get(transition_regularizer)
        self.transition_constraint = keras.constraints.get(transition_constraint)
        self.boundary_initializer = keras.initializers.get(boundary_initializer)
        self.boundary_regularizer = keras.regularizers.get(boundary_regularizer)
        self.boundary_constraint = keras.constraints.get(boundary_constraint)

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "num_tags": self.num_tags,
            "transition_multiplier": self.transition_multiplier,
        }
        for name in ("allowed", "allowed_start", "allowed_end"):
            value = getattr(self, name)
            config[name] = None if value is None else value.tolist()
        for part in ("transition", "boundary"):
            for kind in ("initializer", "regularizer", "constraint"):
                serialize = getattr(keras, f"{kind}s").serialize
                config[f"{part}_{kind}"] = serialize(getattr(self, f"{part}_{kind}"))
        return config

    def build(self, emissions_shape: Shape) -> None:
        if emissions_shape[-1] != self.num_tags:
            raise ValueError(
                f"{self.name} has {self.num_tags} tags and got emissions of {emissions_shape[-1]}."
            )
        shape = (self.num_tags,)
        self.stored_transitions = self._weight("transitions", (*shape, *shape), "transition")
        self.stored_start = self._weight("start", shape, "boundary")
        self.stored_end = self._weight("end", shape, "boundary")

    def _weight(self, name: str, shape: Shape, part: str) -> keras.Variable:
        initializer = getattr(self, f"{part}_initializer")
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=lambda shape, dtype: initializer(shape, dtype) / self.transition_multiplier,
            regularizer=getattr(self, f"{part}_regularizer"),
            constraint=getattr(self, f"{part}_constraint"),
            autocast=False,
        )

    def call(
        self,
        emissions: Tensor,
        padding_mask: Tensor = None,
        mask: Tensor = None,
        emissions_mask: Tensor = None,
    ) -> Tensor:
        emissions = ops.cast(emissions, self._dtype)
        real = first_mask(padding_mask, mask, emissions_mask)
        return emissions if real is None else at_real(real, emissions, MASKED)

    def compute_mask(self, emissions: Tensor, previous_mask: Tensor) -> None:
        """What is returned marks masked positions by itself; a loss per text has no use for it."""

    def compute_output_spec(self, emissions: Tensor, *others: Any, **options: Any) -> Tensor:
        return keras.KerasTensor(emissions.shape, self._dtype)

    @property
    def _dtype(self) -> str:
        # sums over a whole text need more than half precision
        return "float64" if self.compute_dtype == "float64" else "float32"

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the scores of transitions `(tags, tags)`, of start and of end `(tags,)`: what is
        stored times the multiplier, with the penalties of what is not allowed."""
        if not self.built:
            self.build((None, None, self.num_tags))
        stored = (self.stored_transitions, self.stored_start, self.stored_end)
        allowed = (self.allowed, self.allowed_start, self.allowed_end)
        transitions, start, end = (
            _with_penalties(ops.cast(scores, self._dtype) * self.transition_multiplier, legal)
            for scores, legal in zip(stored, allowed, strict=True)
        )
        return transitions, start, end

    @property
    def loss(self) -> TagLoss:
        """`loss(tags, emissions, padding_mask=None)`: the negative log-likelihood of each text,
        `(batch,)`, for `compile`."""
        return TagLoss(self)

    def log_likelihood(
        self, emissions: Tensor, tags: Tensor, padding_mask: Tensor = None
    ) -> Tensor:
        """Returns the logarithm of the probability of tags, `(batch,)`, never above 0.

        Args:
            emissions: `(batch, length, tags)`, before or after the layer.
            tags: Integers `(batch, length)`.  Where they are negative is no token.
            padding_mask: `(batch, length)`, True or 1 at real tokens.  Defaults to what the
                emissions say.

        Returns:
            0 for a text without a real token.
        """
        tags = ops.cast(tags, "int32")
        emissions, real = self._tokens(emissions, padding_mask)
        real = ops.logical_and(real, tags >= 0)
        scores = self.scores()
        score = path_score(emissions, ops.where(real, tags, 0), real, *scores)
        # rounding could make a probability larger than 1
        return ops.minimum(score - log_normalizer(emissions, real, *scores), 0.0)

    def log_partition(
        self, emissions: Tensor, padding_mask: Tensor = None, allowed: Tensor = None
    ) -> Tensor:
        """Returns the logarithm of the sum of `exp(score)` over the tags of a text, `(batch,)`.

        Args:
            emissions, padding_mask: See `log_likelihood`.
            allowed: Boolean `(batch, length, tags)`: sums only over the allowed tags of each token.
                Minus the sum over all, it is the logarithm of the probability that the tags are
                among these, such as that a span is an entity.
        """
        emissions, real = self._tokens(emissions, padding_mask)
        if allowed is not None:
            emissions = emissions + _penalties(allowed, self._dtype)
        return log_normalizer(emissions, real, *self.scores())

    def marginals(self, emissions: Tensor, padding_mask: Tensor = None) -> Tensor:
        """Returns the probability of each tag of each token, `(batch, length, tags)`; 0 where
        there is no token.

        Args:
            emissions, padding_mask: See `log_likelihood`.
        """
        emissions, real = self._tokens(emissions, padding_mask)
        return tag_probabilities(emissions, real, *self.scores())

    def decode(self, emissions: Any, padding_mask: Any = None) -> Any:
        """Returns the most probable tags, integers `(batch, length)`, 0 where there is no token.

        Args:
            emissions: See `log_likelihood`.  NumPy arrays, as `predict` returns, are decoded in
                NumPy, which compiles nothing for each new shape; tensors by their backend, in a
                compiled function too.
            padding_mask: See `log_likelihood`.

        Returns:
            A NumPy array or a tensor, like the emissions.
        """
        if isinstance(emissions, np.ndarray):
            transitions, start, end = (ops.convert_to_numpy(each) for each in self.scores())
            real = ~is_masked(emissions).all(axis=-1)
            if padding_mask is not None:
                real = real & ops.convert_to_numpy(padding_mask).astype(bool)
            return viterbi(emissions.astype(self._dtype), transitions, start, end, real)[0]
        emissions, real = self._tokens(emissions, padding_mask)
        return best_tags(emissions, real, *self.scores())

    def _tokens(self, emissions: Tensor, padding_mask: Tensor) -> tuple[Tensor, Tensor]:
        """The emissions, 0 where there is no token, and where there are tokens."""
        emissions = ops.cast(emissions, self._dtype)
        real = ops.logical_not(ops.all(is_masked(emissions), axis=-1))
        if padding_mask is not None:
            real = ops.logical_and(real, ops.cast(padding_mask, "bool"))
        return at_real(real, emissions, 0.0), real


def _boolean(name: str, value: Any, shape: tuple[int, ...]) -> Any:
    if value is None:
        return None
    array = np.array(value, bool)
    if array.shape != shape:
        raise ValueError(f"{name} has the shape {array.shape}, expected {shape}.")
    if not array.any():
        raise ValueError(f"{name} allows nothing.")
    return array


def _penalties(allowed: Any, dtype: str) -> Tensor:
    return (1 - ops.cast(allowed, dtype)) * ILLEGAL


def _with_penalties(scores: Tensor, allowed: Any) -> Tensor:
    return scores if allowed is None else scores + _penalties(allowed, scores.dtype)
