"""Recipes that answer with spans of a text: networks on the vectors of its units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
