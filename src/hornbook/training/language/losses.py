"""Training objectives of language models: a Transformer and its loss in one Keras model.

Each takes the arrays of an objective in `hornbook.data.objectives`, adds its loss, and
returns sums per row, so that the same call trains and evaluates on held-out text.  The caller
normalizes the `weights` of a step to a sum of 1: then the loss is a mean over the positions that
count, however the rows are distributed over devices and accumulated batches.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import keras
from keras import ops

Inputs = dict[str, Any]


class LanguageObjective(keras.Model, ABC):
    """A Transformer with its training objective; `train_on_batch` takes no labels.

    Args:
        transformer: The Transformer, built, with the heads that the objective needs.

    Call arguments:
        inputs: Arrays by name, `(rows, ...)`; see each class.

    Returns:
        `loss`, `correct` and `weight` by name, each `(rows,)` and weighted by `weights`: their
        sums over many rows give the mean loss and the accuracy.  Outside of training also
        `guesses`, token IDs of the same shape as `labels`.
    """

    def __init__(self, transformer: Any, **kwargs: Any):
        # the weights are far too small for half precision, so inputs are not cast
        super().__init__(dtype=transformer.dtype_policy, autocast=False, **kwargs)
        self.transformer = transformer
        self.loss_scale = 1.0  # the number of devices, if the backend divides the loss by it

    def build(self, input_shape: Any = None) -> None:
        self.built = True  # the Transformer is built already

    def call(self, inputs: Inputs, training: Any = None) -> dict[str, Any]:
        outputs = self.compute_outputs(inputs, training)
        loss = outputs["loss"] + outputs.pop("auxiliary_loss", 0.0)
        self.add_loss(ops.sum(loss) * self.loss_scale)
        return outputs

    @abstractmethod
    def compute_outputs(self, inputs: Inputs, training: Any) -> dict[str, Any]:
        """Returns the outputs, and further losses `(rows,)` as `auxiliary_loss`."""

    def encode(self, transformer: Any, inputs: Inputs, training: Any) -> Any:
        """Returns one vector per token, `(rows, length, hidden_size)`; documents do not attend to
        each other."""
        first = transformer.config.position_offset
        return transformer(
            inputs["token_ids"],
            segment_ids=inputs.get("segment_ids"),
            position_ids=inputs["positions"] + first if first else inputs["positions"],
            document_ids=inputs["documents"],
            training=training,
        )


class MaskedLanguage(LanguageObjective):
    """Masked language modeling.  Only the masked positions go through the language head.

    Call arguments:
        inputs: `token_ids`, `documents`, `positions` `(rows, length)`; `masked_positions`,
            `labels`, `weights` `(rows, masks)`; with sentence-order prediction also `segment_ids`,
            and `(rows,)` `order_label`, 1 where the two segments were swapped, and `order_weight`.

    References: https://arxiv.org/abs/1810.04805, 1909.11942 (sentence order).
    """

    def compute_outputs(self, inputs: Inputs, training: Any) -> dict[str, Any]:
        x = self.encode(self.transformer, inputs, training)
        logits = self.transformer.mlm(gather_positions(x, inputs["masked_positions"]))
        outputs = weighted_sums(logits, inputs["labels"], inputs["weights"], training)
        if "order_label" in inputs:
            order = ops.cast(self.transformer.nsp(self.transformer.pool(x)), "float32")
            losses = token_losses(order, inputs["order_label"])
            outputs["auxiliary_loss"] = losses * inputs["order_weight"]
        return outputs


class NextToken(LanguageObjective):
    """Next-token prediction.  In prefix language models the prefix has no loss.

    Call arguments:
        inputs: `token_ids`, `documents`, `positions`, `labels`, `weights` `(rows, length)`; for
            prefix language models also `segment_ids`, 0 for the prefix and 1 for the rest.

    Reference: https://arxiv.org/abs/1905.03197 (UniLM)
    """

    def compute_outputs(self, inputs: Inputs, training: Any) -> dict[str, Any]:
        x = self.encode(self.transformer, inputs, training)
        return weighted_sums(self.transformer.mlm(x), inputs["labels"], inputs["weights"], training)


class SpanFilling(LanguageObjective):
    """Span corruption (T5): the decoder generates the spans that the sentinels stand for.

    Call arguments:
        inputs: `token_ids`, `documents` `(rows, length)`, where document 0 is padding;
            `decoder_token_ids`, `labels`, `weights` `(rows, target_length)`.

    Reference: https://arxiv.org/abs/1910.10683
    """

    def compute_outputs(self, inputs: Inputs, training: Any) -> dict[str, Any]:
        x = self.transformer(
            inputs["token_ids"],
            inputs["decoder_token_ids"],
            padding_mask=inputs["documents"] > 0,
            training=training,
        )
        return weighted_sums(self.transformer.mlm(x), inputs["labels"], inputs["weights"], training)


class ReplacedTokens(LanguageObjective):
    """Replaced-token detection (ELECTRA): which tokens were sampled from a small generator?

    Both are trained; the discriminator is the result.

    Args:
        transformer: The discriminator, with its head.
        generator: A smaller Transformer with a language head; usually shares the token embedding.
        discriminator_weight: Weight of the discriminator's loss; the generator's is 1.
        seed: Random seed for sampling from the generator.

    Call arguments:
        inputs: As for `MaskedLanguage`; `original_ids` and `real_weights` `(rows, length)`.

    Returns:
        As for every objective; those of the discriminator, over all tokens but padding.

    Reference: https://arxiv.org/abs/2003.10555
    """

    def __init__(
        self,
        transformer: Any,
        generator: Any,
        *,
        discriminator_weight: float = 50.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(transformer, **kwargs)
        self.generator = generator
        self.discriminator_weight = discriminator_weight
        self.seeds = keras.random.SeedGenerator(seed)

    def compute_outputs(self, inputs: Inputs, training: Any) -> dict[str, Any]:
        positions, weights = inputs["masked_positions"], inputs["weights"]
        x = self.encode(self.generator, inputs, training)
        logits = self.generator.mlm(gather_positions(x, positions))
        generator_outputs = weighted_sums(logits, inputs["labels"], weights, training)
        original_ids = inputs["original_ids"]
        samples = self.sample(ops.stop_gradient(logits), original_ids.dtype)
        corrupted_ids = replace_positions(original_ids, positions, samples, weights > 0)
        x = self.encode(self.transformer, {**inputs, "token_ids": corrupted_ids}, training)
        logits, labels = self.transformer.discriminator(x), corrupted_ids != original_ids
        losses = ops.softplus(logits) - ops.where(labels, logits, 0.0)
        correct, weights = ops.cast((logits > 0) == labels, "float32"), inputs["real_weights"]
        loss = ops.sum(losses * weights, axis=1)
        return {
            "loss": loss,
            "correct": ops.sum(correct * weights, axis=1),
            "weight": ops.sum(weights, axis=1),
            "auxiliary_loss": generator_outputs["loss"] + (self.discriminator_weight - 1) * loss,
        }

    def sample(self, logits: Any, dtype: Any) -> Any:
        """Returns tokens sampled by their probability, `(rows, masks)`."""
        noise = keras.random.uniform(ops.shape(logits), 1e-9, 1.0, seed=self.seeds)
        noise = -ops.log(-ops.log(noise) + 1e-9)  # Gumbel noise: the argmax of the sum is a sample
        return ops.cast(ops.argmax(logits + noise, axis=-1), dtype)


def token_losses(logits: Any, labels: Any) -> Any:
    """Returns the cross-entropy of each label, without the one-hot array of Keras's loss.

    Args:
        logits: `(..., classes)`, float32.
        labels: Integers `(...)`.
    """
    label_logits = ops.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
    return ops.logsumexp(logits, axis=-1) - label_logits


def weighted_sums(logits: Any, labels: Any, weights: Any, training: Any) -> dict[str, Any]:
    """Returns sums per row of losses and weights; outside of training also the guesses."""
    loss = ops.sum(token_losses(logits, labels) * weights, axis=1)
    outputs = {"loss": loss, "weight": ops.sum(weights, axis=1)}
    if training:
        return outputs
    guesses = ops.cast(ops.argmax(logits, axis=-1), labels.dtype)
    correct = ops.sum(ops.cast(guesses == labels, "float32") * weights, axis=1)
    return outputs | {"correct": correct, "guesses": guesses}


def gather_positions(x: Any, positions: Any) -> Any:
    """Returns the vectors at `positions` `(rows, count)`.

    Args:
        x: `(rows, length, features)`.
        positions: Integers `(rows, count)`.

    Returns:
        `(rows, count, features)`.
    """
    return ops.take_along_axis(x, positions[..., None], axis=1)


def replace_positions(token_ids: Any, positions: Any, new_ids: Any, mask: Any) -> Any:
    """Returns `token_ids` `(rows, length)` with `new_ids` at the `positions` where `mask` is true.

    `positions`, `new_ids` and `mask` are `(rows, count)`.
    """
    rows, length = ops.shape(token_ids)
    positions = ops.where(mask, positions, length)  # the others go to a column that is cut off
    row_indices = ops.arange(rows, dtype=positions.dtype)[:, None]
    row_indices = ops.broadcast_to(row_indices, positions.shape)
    indices = ops.stack([ops.reshape(row_indices, (-1,)), ops.reshape(positions, (-1,))], axis=1)
    padded = ops.pad(token_ids, [(0, 0), (0, 1)])
    return ops.scatter_update(padded, indices, ops.reshape(new_ids, (-1,)))[:, :length]


def normalized_weights(arrays: dict[str, Any]) -> dict[str, Any]:
    """Returns the arrays of a step with weights that add up to 1, and `real_weights` if needed."""
    names = ("weights", "order_weight")
    weights: dict[str, Any] = {name: arrays[name] for name in names if name in arrays}
    if "original_ids" in arrays:
        weights["real_weights"] = arrays["documents"] > 0
    return arrays | {
        name: (value / max(value.sum(), 1)).astype("float32") for name, value in weights.items()
    }
