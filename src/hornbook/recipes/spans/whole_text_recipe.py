"""Recipes that find spans in one text: entities, relations, events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook.data.entities.tagged_text import TaggedText
from hornbook.recipes.fields import option, part
from hornbook.recipes.spans.span_recipe import SpanRecipe
from hornbook.recipes.spans.text_windows import Units, Window
from hornbook.recipes.spans.unit_reader import UnitReader
from hornbook.recipes.text_answers import Columns

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(kw_only=True)
class WholeTextRecipe(SpanRecipe):
    """A recipe whose samples are texts, each with a `text`, a `where` and an `extra`.

    Attributes:
        decoder: Builds the part of the network on top of the units, with the array of its labels
            and its loss; `max_pairs` is the maximum pairs of units per step, if outputs are of
            pairs.  Set by `build`.
    """

    max_length: int = option(
        256, "tokens per window; longer texts are read in overlapping windows", at_least=8
    )

    decoder: Any = part()

    @property
    def max_pairs(self) -> int | None:
        pairs: int | None = self.decoder.max_pairs
        return pairs

    def loss(self) -> keras.losses.Loss:
        loss: keras.losses.Loss = self.decoder.loss()
        return loss

    def label_array(self, labels: list[Any], length: int) -> np.ndarray:
        array: np.ndarray = self.decoder.label_array(labels, length)
        return array

    def reader(self) -> UnitReader:
        """Returns the reader of units and windows, for the encoder's tokenizer and length."""
        return UnitReader(self.tokenizer, min(self.max_length, self.encoder.config.max_length))

    def units_of(self, samples: Sequence[Any]) -> tuple[list[Units], list[list[Window]]]:
        """Returns the units and the windows of each text."""
        reader = self.reader()
        units = reader.units(TaggedText(one.text, None, one.where) for one in samples)
        windows: list[list[Window]] = [[] for _ in samples]
        for window in reader.windows(units):
            windows[window.sample].append(window)
        return units, windows

    def window_columns(
        self,
        samples: Sequence[Any],
        in_units: Callable[[Any, Units], Any],
        in_window: Callable[[Any, Window], Any],
    ) -> Columns:
        """Returns the columns of all windows of texts, with the part of the label inside each.

        Args:
            samples: The texts.
            in_units: Returns the label of a text in units; None if it has none.
            in_window: Returns the part of such a label inside a window.
        """
        units, windows_of_texts = self.units_of(samples)
        windows = [window for of_text in windows_of_texts for window in of_text]
        labels = list(map(in_units, samples, units))
        return {
            **self.reader().columns(windows),
            "label": [
                None if (label := labels[window.sample]) is None else in_window(label, window)
                for window in windows
            ],
            "where": [samples[window.sample].where for window in windows],
            "window": windows,
        }
