"""What language models are pretrained by: a Transformer and its loss in one Keras model.

Each is called with the arrays of an objective in `hornbook.data.objectives`, adds its loss, and
returns sums a row, so that the same call trains and measures on held-out text.  The host makes
the `weights` of a step add up to 1: then the loss is a mean over the places that count, the same
however the rows are spread over devices and parts of a step.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class LanguageObjective(keras.Model):
    """A Transformer together with what it is trained by; `train_on_batch` takes no labels.

    Args:
        transformer: Built, with the heads that the objective needs.

    Call arguments:
        inputs: Arrays by name, `(rows, ...)`; each class says which.

    Returns:
        `loss`, `correct` and `weight` by name, each `(rows,)` and weighted by `weights`: their
        sums over many rows give the mean loss and the share of places guessed right.  When not
        training also `guesses`, as many as `labels`.
    """

    def __init__(self, transformer: Any, **kwargs: Any):
        # weights are far below what half precision can tell apart, so nothing is cast on the way
        super().__init__(dtype=transformer.dtype_policy, autocast=False, **kwargs)
        self.transformer = transformer
        self.loss_scale = 1.0  # where the backend divides the loss by the number of devices

    def build(self, input_shape=None):
        self.built = True  # the layers are built already

    def call(self, inputs, training=None):
        found = self.compare(inputs, training)
        loss = found["loss"] + found.pop("besides", 0.0)
        self.add_loss(ops.sum(loss) * self.loss_scale)
        return found

    def compare(self, inputs, training) -> dict[str, Any]:
        """What is returned, and as `besides` what else is learned from, `(rows,)`."""
        raise NotImplementedError

    def read(self, transformer, inputs, training):
        """One vector a token -> `(rows, length, hidden_size)`; documents do not see each other."""
        first = transformer.config.position_offset
        return transformer(
            inputs["token_ids"],
            segment_ids=inputs.get("segment_ids"),
            position_ids=inputs["positions"] + first if first else inputs["positions"],
            document_ids=inputs["documents"],
            training=training,
        )


class MaskedLanguage(LanguageObjective):
    """Which words were masked?  Only the masked places go through the language head.

    Call arguments:
        inputs: `token_ids`, `documents`, `positions` `(rows, length)`; `masked_positions`,
            `labels`, `weights` `(rows, places)`; with sentence-order prediction also `segment_ids`,
            and `(rows,)` `order_label`, 1 where the two halves were exchanged, and `order_weight`.

    References: https://arxiv.org/abs/1810.04805, 1909.11942 (sentence order).
    """

    def compare(self, inputs, training):
        x = self.read(self.transformer, inputs, training)
        logits = self.transformer.mlm(at_places(x, inputs["masked_positions"]))
        found = weighted(logits, inputs["labels"], inputs["weights"], training)
        if "order_label" in inputs:
            guessed = ops.cast(self.transformer.nsp(self.transformer.pool(x)), "float32")
            losses = token_losses(guessed, inputs["order_label"])
            found["besides"] = losses * inputs["order_weight"]
        return found


class NextToken(LanguageObjective):
    """What comes next?  Of prefix language models only what is written counts, not what is read.

    Call arguments:
        inputs: `token_ids`, `documents`, `positions`, `labels`, `weights` `(rows, length)`; of
            prefix language models also `segment_ids`, 0 read and 1 written.

    Reference: https://arxiv.org/abs/1905.03197 (UniLM)
    """

    def compare(self, inputs, training):
        x = self.read(self.transformer, inputs, training)
        return weighted(self.transformer.mlm(x), inputs["labels"], inputs["weights"], training)


class SpanFilling(LanguageObjective):
    """What stood where the sentinels are?  One stack reads, the other writes the answer (T5).

    Call arguments:
        inputs: `token_ids`, `documents` `(rows, length)`, 0 of the latter being padding;
            `decoder_token_ids`, `labels`, `weights` `(rows, written)`.

    Reference: https://arxiv.org/abs/1910.10683
    """

    def compare(self, inputs, training):
        x = self.transformer(
            inputs["token_ids"],
            inputs["decoder_token_ids"],
            padding_mask=inputs["documents"] > 0,
            training=training,
        )
        return weighted(self.transformer.mlm(x), inputs["labels"], inputs["weights"], training)


class ReplacedTokens(LanguageObjective):
    """Which tokens did a small generator put there?  Both learn; the discriminator is kept.

    Args:
        transformer: The discriminator, with its head.
        generator: A smaller one with a language head, and usually the same token embedding.
        discriminator_weight: Of its loss; the generator's has 1.
        seed: Of the words that the generator draws.

    Call arguments:
        inputs: As of `MaskedLanguage`; `original_ids` and `real_weights` `(rows, length)`.

    Returns:
        As all; of the discriminator, over all real tokens.

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

    def compare(self, inputs, training):
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

    def draw(self, logits, dtype):
        """Words by their probability -> `(rows, places)`."""
        noise = keras.random.uniform(ops.shape(logits), 1e-9, 1.0, seed=self.seeds)
        noise = -ops.log(-ops.log(noise) + 1e-9)  # Gumbel's: the highest sum is such a draw
        return ops.cast(ops.argmax(logits + noise, axis=-1), dtype)


def token_losses(logits, labels):
    """The cross-entropy of each label, without the array of ones and zeros that Keras's makes.

    Args:
        logits: `(..., classes)`, float32.
        labels: Integers `(...)`.
    """
    of_labels = ops.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
    return ops.logsumexp(logits, axis=-1) - of_labels


def weighted(logits, labels, weights, training) -> dict[str, Any]:
    """Sums a row, of losses and weights; in training, which has no use for them, no guesses."""
    loss = ops.sum(token_losses(logits, labels) * weights, axis=1)
    found = {"loss": loss, "weight": ops.sum(weights, axis=1)}
    if training:
        return found
    guesses = ops.cast(ops.argmax(logits, axis=-1), labels.dtype)
    correct = ops.sum(ops.cast(guesses == labels, "float32") * weights, axis=1)
    return found | {"correct": correct, "guesses": guesses}


def at_places(x, places):
    """The vectors of some tokens: `(rows, length, features)` -> `(rows, places, features)`."""
    return ops.take_along_axis(x, places[..., None], axis=1)


def put_at_places(token_ids, places, new_ids, used):
    """`token_ids` `(rows, length)` with `new_ids` `(rows, places)` at those that are `used`."""
    rows, length = ops.shape(token_ids)
    places = ops.where(used, places, length)  # the others into a column that is cut off again
    row_numbers = ops.broadcast_to(ops.arange(rows, dtype=places.dtype)[:, None], places.shape)
    indices = ops.stack([ops.reshape(row_numbers, (-1,)), ops.reshape(places, (-1,))], axis=1)
    wider = ops.pad(token_ids, [(0, 0), (0, 1)])
    return ops.scatter_update(wider, indices, ops.reshape(new_ids, (-1,)))[:, :length]


def shared_weights(arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays of a step with weights that add up to 1, and `real_weights` where needed."""
    weighing = ("weights", "order_weight")
    weights: dict[str, Any] = {name: arrays[name] for name in weighing if name in arrays}
    if "original_ids" in arrays:
        weights["real_weights"] = arrays["documents"] > 0
    return arrays | {
        name: (value / max(value.sum(), 1)).astype("float32") for name, value in weights.items()
    }
