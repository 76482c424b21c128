"""Recipes that answer from one vector per text: the average over the tokens of the encoder."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.recipes.fields import part
from hornbook.recipes.text_answers import Columns
from hornbook.recipes.text_recipe import TextRecipe

if TYPE_CHECKING:
    import keras


@dataclass(kw_only=True)
class PooledTextRecipe(TextRecipe):
    """A text recipe with a head on the average over the tokens; its outputs are probabilities.

    Attributes:
        baseline: Metrics of a linear model of n-grams, once fitted.
    """

    baseline: dict[str, Any] = part()

    @abstractmethod
    def head(self, inputs: dict[str, Any], features: Any) -> Any:
        """Computes logits `(batch, outputs)` from features `(batch, hidden_size)`.

        Further inputs of the network are added to `inputs`, further layers to `others`.
        """

    @abstractmethod
    def to_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Turns logits into probabilities."""

    def loss_class(self) -> Any:
        """Returns the class of `keras.losses` to train with."""
        import keras

        return keras.losses.SparseCategoricalCrossentropy

    def build(self) -> keras.Model:
        """Builds the whole network: encoder, average over the tokens, head."""
        import keras

        from hornbook.layers import MaskedAveragePooling

        inputs, x = self.encoder_outputs()
        x = MaskedAveragePooling()(x, inputs["padding_mask"])
        x = keras.layers.Dropout(self.dropout)(x)
        return keras.Model(inputs, self.head(inputs, x))

    def loss(self) -> keras.losses.Loss:
        loss: keras.losses.Loss = self.loss_class()(
            from_logits=True, reduction="mean_with_sample_weight"
        )
        return loss

    def classifier(self, features: Any, outputs: int, initializer: str = "glorot_uniform") -> Any:
        """Applies a dense layer, saved as `classifier`, in float32 whatever the rest computes in,
        for the softmax."""
        import keras

        self.others["classifier"] = keras.layers.Dense(
            outputs, kernel_initializer=initializer, dtype="float32", name="classifier"
        )
        return self.others["classifier"](features)

    def token_columns(self, samples: Sequence[Any]) -> Columns:
        """Returns the encoder's inputs of samples, and where these come from."""
        from hornbook.training.text_batches import token_columns

        encodings = self.encoded([self.text_of(sample) for sample in samples])
        places = [self.reading.where(sample) for sample in samples]
        return {**token_columns(encodings, self.segment_ids), "where": places}

    def outputs(self, columns: Mapping[str, Sequence[Any]]) -> np.ndarray:
        """Returns the probabilities of each sample."""
        return self.to_probabilities(self.predicted(columns))

    def comparison(self, metrics: dict[str, Any]) -> str:
        if "baseline" not in vars(self):
            return ""
        figures, linear = map(self.report.headline, (metrics, self.baseline))
        return f"TF-IDF and logistic regression alone: {linear}; this model: {figures}"
