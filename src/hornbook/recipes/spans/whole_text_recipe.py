"""Recipes that find spans in one text: entities, relations, events."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hornbook.data.entities.tagged_text import TaggedText
from hornbook.data.readers.text_rows import PlainText, text_to_predict, texts_to_predict
from hornbook.errors import DataError
from hornbook.recipes.fields import option
from hornbook.recipes.spans.span_recipe import SpanRecipe
from hornbook.recipes.spans.text_windows import Units, Window
from hornbook.recipes.spans.unit_reader import UnitReader
from hornbook.recipes.text_recipe import Columns


@dataclass(kw_only=True)
class WholeTextRecipe(SpanRecipe):
    """A recipe whose samples are texts, each with a `text`, a `where` and an `extra`."""

    max_length: int = option(
        256, "tokens per window; longer texts are read in overlapping windows", at_least=8
    )

    @abstractmethod
    def unlabeled(self, text: PlainText) -> Any:
        """Makes a sample of a text to predict."""

    def row_to_predict(self, row: Mapping[Any, Any], where: str) -> Any:
        """Makes a sample of a row to predict."""
        return self.unlabeled(text_to_predict(row, where))

    def text_of(self, sample: Any) -> str:
        text: str = sample.text
        return text

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

    def as_sample(self, sample: Any, number: int) -> Any:
        if hasattr(sample, "where"):
            return sample
        if isinstance(sample, Mapping):
            return self.row_to_predict(sample, f"row {number}")
        if not isinstance(sample, str):
            raise DataError(f"text {number} is {sample!r}; expected a string.")
        return self.unlabeled(PlainText(sample, f"text {number}", {}))

    def read_to_predict(self, source: str | Path) -> Iterator[Any]:
        return map(self.unlabeled, texts_to_predict(source))
