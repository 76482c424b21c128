"""The base class of layers whose tags depend on the neighboring tags."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import keras
import numpy as np
from keras import ops

from hornbook.layers.attention.masks import first_mask
from hornbook.layers.tagging.chain import at_real, best_tags, log_normalizer, tag_probabilities
from hornbook.layers.tagging.masked_scores import MASKED, is_masked
from hornbook.layers.tagging.tag_loss import TagLoss
from hornbook.layers.tagging.viterbi import viterbi
from hornbook.layers.tensors import Initializer, Shape, Tensor

# What an illegal transition costs, in training as in decoding.  Finite: the loss of a text whose
# labels break the rules is large, and neither infinite nor negative.
ILLEGAL = -1e4


class TransitionLayer(keras.layers.Layer, ABC):
    """A layer that passes emissions on and knows the scores of neighboring tags; see `CRF`."""

    def __init__(
        self,
        num_tags: int,
        *,
        allowed: Any,
        allowed_start: Any,
        allowed_end: Any,
        transition_multiplier: float,
        transition_initializer: Initializer,
        transition_regularizer: Any,
        transition_constraint: Any,
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

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "num_tags": self.num_tags,
            "transition_multiplier": self.transition_multiplier,
            **self._serialized("transition"),
        }
        for name in ("allowed", "allowed_start", "allowed_end"):
            value = getattr(self, name)
            config[name] = None if value is None else value.tolist()
        return config

    def _serialized(self, part: str) -> dict[str, Any]:
        """Initializer, regularizer and constraint of a part, such as `"transition"`."""
        return {
            f"{part}_{kind}": getattr(keras, f"{kind}s").serialize(getattr(self, f"{part}_{kind}"))
            for kind in ("initializer", "regularizer", "constraint")
        }

    def build(self, emissions_shape: Shape) -> None:
        if emissions_shape[-1] != self.num_tags:
            raise ValueError(
                f"{self.name} has {self.num_tags} tags and got emissions of {emissions_shape[-1]}."
            )

    def _weight(self, name: str, shape: Shape, part: str) -> keras.Variable:
        """A weight that is stored divided by the multiplier."""
        initializer = getattr(self, f"{part}_initializer")
        if isinstance(initializer, keras.initializers.Initializer):
            initializer = initializer.clone()  # else equal weights
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=lambda shape, dtype: initializer(shape, dtype) / self.transition_multiplier,
            regularizer=getattr(self, f"{part}_regularizer"),
            constraint=getattr(self, f"{part}_constraint"),
            autocast=False,
        )

    def _require_weights(self) -> None:
        if not self.built:
            self.build((None, None, self.num_tags))

    def _multiplied(self, weight: keras.Variable) -> Tensor:
        return ops.cast(weight, self._dtype) * self.transition_multiplier

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
        return self._log_likelihood(emissions, ops.where(real, tags, 0), real)

    @abstractmethod
    def _log_likelihood(self, emissions: Tensor, tags: Tensor, real: Tensor) -> Tensor:
        """The log-likelihood of tags, `(batch,)`, which are 0 where `real` is False."""

    @abstractmethod
    def potentials(self, emissions: Tensor, real: Tensor) -> tuple[Tensor, ...]:
        """Emissions, transitions, start and end, as `chain` has them."""

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
        emissions, *scores = self.potentials(emissions, real)
        if allowed is not None:
            emissions = emissions + penalties(allowed, self._dtype)
        return log_normalizer(emissions, real, *scores)

    def marginals(self, emissions: Tensor, padding_mask: Tensor = None) -> Tensor:
        """Returns the probability of each tag of each token, `(batch, length, tags)`; 0 where
        there is no token.

        Args:
            emissions, padding_mask: See `log_likelihood`.
        """
        emissions, real = self._tokens(emissions, padding_mask)
        emissions, *scores = self.potentials(emissions, real)
        return tag_probabilities(emissions, real, *scores)

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
            tokens = ~is_masked(emissions).all(axis=-1)
            if padding_mask is not None:
                tokens &= ops.convert_to_numpy(padding_mask).astype(bool)
            emissions = np.where(tokens[:, :, None], emissions, 0).astype(self._dtype)
            emissions, transitions, start, end = map(
                ops.convert_to_numpy, self.potentials(emissions, tokens)
            )
            return viterbi(emissions, transitions, start, end, tokens)[0]
        emissions, real = self._tokens(emissions, padding_mask)
        emissions, *scores = self.potentials(emissions, real)
        return best_tags(emissions, real, *scores)

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


def penalties(allowed: Any, dtype: str) -> Tensor:
    """0 where allowed, `ILLEGAL` elsewhere."""
    return (1 - ops.cast(allowed, dtype)) * ILLEGAL


def with_penalties(scores: Tensor, allowed: Any) -> Tensor:
    """Scores minus what is not allowed costs; None allows everything."""
    return scores if allowed is None else scores + penalties(allowed, scores.dtype)
