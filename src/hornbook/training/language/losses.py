"""Training objectives of language models: a Transformer and its loss in one Keras model.

Each is called with the arrays of an objective in `hornbook.data.objectives`, adds its loss, and
returns sums per row, so that the same call trains and measures on held-out text.  The host makes
the `weights` of a step add up to 1: then the loss is a mean over the positions that count, however
the rows are spread over devices and accumulated batches.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Inputs = dict[str, Any]


class LanguageObjective(keras.Model):
    """A Transformer with its training objective; `train_on_batch` takes no labels.

    Args:
        transformer: The Transformer, built, with the heads that the objective needs.

    Call arguments:
        inputs: Arrays by name, `(rows, ...)`; see each class.

    Returns:
        `loss`, `correct` and `weight` by name, each `(rows,)` and weighted by `weights`: their
        sums over many rows give the mean loss and the accuracy.  When not training also `guesses`,
        as many as `labels`.
    """

    def __init__(self, transformer: Any, **kwargs: Any):
        # weights are far too small for half precision, so nothing is cast on the way
        super().__init__(dtype=transformer.dtype_policy, autocast=False, **kwargs)
        self.transformer = transformer
        self.loss_scale = 1.0  # the number of devices, where the backend divides the loss by it

    def build(self, input_shape: Any = None) -> None:
        self.built = True  # the layers are built already

    def call(self, inputs: Inputs, training: Any = None) -> dict[str, Any]:
        outputs = self.compare(inputs, training)
        loss = outputs["loss"] + outputs.pop("besides", 0.0)
        self.add_loss(ops.sum(loss) * self.loss_scale)
        return outputs

    def compare(self, inputs: Inputs, training: Any) -> dict[str, Any]:
        """Returns the outputs, and as `besides` further losses `(rows,)`."""
        raise NotImplementedError

    def read(self, transformer: Any, inputs: Inputs, training: Any) -> Any:
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
    """Masked language modelling.  Only the masked positions go through the language head.

    Call arguments:
        inputs: `token_ids`, `documents`, `positions` `(rows, length)`; `masked_positions`,
            `labels`, `weights` `(rows, masks)`; with sentence-order prediction also `segment_ids`,
            and `(rows,)` `order_label`, 1 where the two segments were swapped, and `order_weight`.

    References: https://arxiv.org/abs/1810.04805, 1909.11942 (sentence order).
    """

    def compare(self, inputs: Inputs, training: Any) -> dict[str, Any]:
        x = self.read(self.transformer, inputs, training)
        logits = self.transformer.mlm(at_places(x, inputs["masked_positions"]))
        outputs = weighted(logits, inputs["labels"], inputs["weights"], training)
        if "order_label" in inputs:
            order = ops.cast(self.transformer.nsp(self.transformer.pool(x)), "float32")
            losses = token_losses(order, inputs["order_label"])
            outputs["besides"] = losses * inputs["order_weight"]
        return outputs


class NextToken(LanguageObjective):
    """Next-token prediction.  In prefix language models the prefix does not count.

    Call arguments:
        inputs: `token_ids`, `documents`, `positions`, `labels`, `weights` `(rows, length)`; of
            prefix language models also `segment_ids`, 0 for the prefix and 1 for the rest.

    Reference: https://arxiv.org/abs/1905.03197 (UniLM)
    """

    def compare(self, inputs: Inputs, training: Any) -> dict[str, Any]:
        x = self.read(self.transformer, inputs, training)
        return weighted(self.transformer.mlm(x), inputs["labels"], inputs["weights"], training)


class SpanFilling(LanguageObjective):
    """Span corruption (T5): the decoder generates the spans that sentinels stand for.

    Call arguments:
        inputs: `token_ids`, `documents` `(rows, length)`, 0 of the latter being padding;
            `decoder_token_ids`, `labels`, `weights` `(rows, target_length)`.

    Reference: https://arxiv.org/abs/1910.10683
    """

    def compare(self, inputs: Inputs, training: Any) -> dict[str, Any]:
        x = self.transformer(
            inputs["token_ids"],
            inputs["decoder_token_ids"],
            padding_mask=inputs["documents"] > 0,
            training=training,
        )
        return weighted(self.transformer.mlm(x), inputs["labels"], inputs["weights"], training)


class ReplacedTokens(LanguageObjective):
    """Replaced-token detection (ELECTRA): which tokens come from a small generator?  Both learn;
    the discriminator is kept.

    Args:
        transformer: The discriminator, with its head.
        generator: A smaller one with a language head, and usually the same token embedding.
        discriminator_weight: Weight of the discriminator's loss; the generator's has 1.
        seed: Random seed of the tokens that the generator draws.

    Call arguments:
        inputs: As of `MaskedLanguage`; `original_ids` and `real_weights` `(rows, length)`.

    Returns:
        As all objectives; for the discriminator, over all real tokens.

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

    def compare(self, inputs: Inputs, training: Any) -> dict[str, Any]:
        places, weights = inputs["masked_positions"], inputs["weights"]
        read = self.read(self.generator, inputs, training)
        logits = self.generator.mlm(at_places(read, places))
        generating = weighted(logits, inputs["labels"], weights, training)
        original = inputs["original_ids"]
        drawn = self.draw(ops.stop_gradient(logits), original.dtype)
        corrupted = put_at_places(original, places, drawn, weights > 0)
        x = self.read(self.transformer, {**inputs, "token_ids": corrupted}, training)
        guessed, replaced = self.transformer.discriminator(x), corrupted != original
        losses = ops.softplus(guessed) - ops.where(replaced, guessed, 0.0)
        right, real = ops.cast((guessed > 0) == replaced, "float32"), inputs["real_weights"]
        loss = ops.sum(losses * real, axis=1)
        return {
            "loss": loss,
            "correct": ops.sum(right * real, axis=1),
            "weight": ops.sum(real, axis=1),
            "besides": generating["loss"] + (self.discriminator_weight - 1) * loss,
        }

    def draw(self, logits: Any, dtype: Any) -> Any:
        """Samples tokens by their probability, `(rows, masks)`."""
        noise = keras.random.uniform(ops.shape(logits), 1e-9, 1.0, seed=self.seeds)
        noise = -ops.log(-ops.log(noise) + 1e-9)  # Gumbel's: the highest sum is such a draw
        return ops.cast(ops.argmax(logits + noise, axis=-1), dtype)


def token_losses(logits: Any, labels: Any) -> Any:
    """Returns the cross-entropy of each label, without the one-hot array that Keras's makes.

    Args:
        logits: `(..., classes)`, float32.
        labels: Integers `(...)`.
    """
    of_labels = ops.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
    return ops.logsumexp(logits, axis=-1) - of_labels


def weighted(logits: Any, labels: Any, weights: Any, training: Any) -> dict[str, Any]:
    """Returns sums per row of losses and weights; guesses too, when not training."""
    loss = ops.sum(token_losses(logits, labels) * weights, axis=1)
    outputs = {"loss": loss, "weight": ops.sum(weights, axis=1)}
    if training:
        return outputs
    guesses = ops.cast(ops.argmax(logits, axis=-1), labels.dtype)
    correct = ops.sum(ops.cast(guesses == labels, "float32") * weights, axis=1)
    return outputs | {"correct": correct, "guesses": guesses}


def at_places(x: Any, places: Any) -> Any:
    """Returns the vectors of some tokens of `(rows, length, features)`, `(rows, places,
    features)`."""
    return ops.take_along_axis(x, places[..., None], axis=1)


def put_at_places(token_ids: Any, places: Any, new_ids: Any, used: Any) -> Any:
    """Returns `token_ids` `(rows, length)` with `new_ids` `(rows, places)` where `used`."""
    rows, length = ops.shape(token_ids)
    places = ops.where(used, places, length)  # the others go to a column that is dropped again
    row_numbers = ops.broadcast_to(ops.arange(rows, dtype=places.dtype)[:, None], places.shape)
    indices = ops.stack([ops.reshape(row_numbers, (-1,)), ops.reshape(places, (-1,))], axis=1)
    wider = ops.pad(token_ids, [(0, 0), (0, 1)])
    return ops.scatter_update(wider, indices, ops.reshape(new_ids, (-1,)))[:, :length]


def shared_weights(arrays: dict[str, Any]) -> dict[str, Any]:
    """Returns the arrays of a step with weights that add up to 1, and `real_weights` if needed."""
    weighing = ("weights", "order_weight")
    weights: dict[str, Any] = {name: arrays[name] for name in weighing if name in arrays}
    if "original_ids" in arrays:
        weights["real_weights"] = arrays["documents"] > 0
    return arrays | {
        name: (value / max(value.sum(), 1)).astype("float32") for name, value in weights.items()
    }
