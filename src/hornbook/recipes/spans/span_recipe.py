"""Recipes that answer with spans of a text: networks on the vectors of its units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook.recipes.text_recipe import TextRecipe

if TYPE_CHECKING:
    import numpy as np


@dataclass(kw_only=True)
class SpanRecipe(TextRecipe):
    """A text recipe whose samples are windows of texts, as `UnitReader` makes them."""

    chunk: ClassVar[int] = 256

    def unit_features(self) -> tuple[dict[str, Any], Any]:
        """Starts a network: returns its inputs by name, and the vectors of the units, those of
        their first tokens, `(batch, units, hidden_size)`."""
        import keras

        from hornbook.layers.token_selection import TokenSelection

        inputs, x = self.encoder_outputs()
        for name in ("unit_index", "unit_mask"):
            inputs[name] = keras.Input((None,), dtype="int32", name=name)
        x = TokenSelection()(x, inputs["unit_index"])
        return inputs, keras.layers.Dropout(self.dropout)(x)

    def window_outputs(
        self, columns: Mapping[str, Sequence[Any]]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yields the index of each window and the network's outputs, the shortest windows first."""
        from hornbook.training.text_batches import predicted_batches

        limit = self.encoder.config.max_length
        rows = 2 * self.batch_size  # no memory is needed for gradients
        batches = predicted_batches(
            self.model, columns, rows=rows, max_length=limit, max_pairs=self.max_pairs
        )
        for numbers, outputs in batches:
            yield from zip(numbers.tolist(), outputs, strict=True)


def sample_loss(loss_of_samples: Callable[[Any, Any], Any]) -> Any:
    """Makes a `keras.losses.Loss`, averaged by the weights of the samples.

    Args:
        loss_of_samples: Returns the losses, `(batch,)`, of labels and outputs.
    """
    import keras

    class SampleLoss(keras.losses.Loss):
        def call(self, labels: Any, outputs: Any) -> Any:
            return loss_of_samples(labels, outputs)

    return SampleLoss(reduction="mean_with_sample_weight")
