"""The common parts of the reports of text recipes: results, training, mistakes, settings, usage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hornbook.metrics import confusion_matrix
from hornbook.recipes.run_page import add_curves, add_figures, add_settings, add_usage, run_page
from hornbook.report import Page, heat_map


class TextReport(ABC):
    """The page `report.html` of a text recipe.

    Args:
        recipe: The fitted recipe.
        samples: The validation samples.
        outputs: Of the best epoch, one per sample.
    """

    title: ClassVar[str]
    variable: ClassVar[str]  # name of the opened recipe in the Python example
    rising: ClassVar[str]  # the metrics that should rise in training, in words
    shares_caption: ClassVar[str]  # of the chart of `shares`

    curves: ClassVar[Mapping[str, str]]  # name in that chart -> key of a metric

    def __init__(self, recipe: Any, samples: Sequence[Any], outputs: Any):
        self.recipe, self.samples, self.outputs = recipe, samples, outputs
        self.metrics = recipe.metrics(samples, outputs)

    @staticmethod
    @abstractmethod
    def headline(metrics: Mapping[str, Any]) -> str:
        """Returns the main metrics, in one line."""

    @abstractmethod
    def explanation(self) -> str:
        """Explains the metrics."""

    @abstractmethod
    def add_mistakes(self, page: Page) -> None:
        """Adds the worst mistakes."""

    def shares(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
        """Returns curves on an axis from 0 to 1, by name: a value per epoch of `rows`."""
        return {name: [row[key] for row in rows] for name, key in self.curves.items()}

    def usage(self) -> tuple[str, str]:
        """Returns what follows the data file in `hornbook predict`, and a call of `predict`."""
        return "", 'predict(["..."])'

    def results(self) -> tuple[list[str], list[list[Any]]]:
        """Returns columns and rows of the results."""
        columns, rows = self.recipe.table(self.metrics)
        return columns, rows

    def comparisons(self) -> list[str]:
        """Returns the metrics of other models, one line each."""
        comparison = self.recipe.comparison(self.metrics)
        return [comparison] if comparison else []

    def remark(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """Returns a remark on the curves, or ""."""
        return ""

    def add_charts(self, page: Page) -> None:
        """Adds charts of the answers, after the training curves; none unless a report has some."""
        return

    def write(self, run: Any, rows: Sequence[Mapping[str, Any]], num_training: int) -> None:
        """Writes `report.html` of a run.

        Args:
            run: The `RunFolder`.
            rows: One per epoch, from the training loop.
            num_training: Number of training samples.
        """
        unit = self.recipe.reading.unit
        page = run_page(
            self.title,
            run,
            self.recipe,
            result=self.headline(self.metrics),
            data={"training": num_training, "validation": len(self.samples)},
            unit=unit,
        )
        self._add_results(page, unit)
        self._add_training(page, rows, unit)
        self.add_charts(page)
        page.add_heading("Worst mistakes")
        self.add_mistakes(page)
        add_settings(page, self.recipe)
        self._add_usage(page, run, unit)
        run.write_report(page.html())

    def _add_results(self, page: Page, unit: str) -> None:
        page.add_heading(f"Results on the validation {unit}")
        add_figures(page, *self.results())
        page.add_text(self.explanation())
        for line in self.comparisons():
            page.add_text(f"{line}.")

    def _add_training(self, page: Page, rows: Sequence[Mapping[str, Any]], unit: str) -> None:
        page.add_heading("Training")
        best = max(rows, key=lambda row: row[self.recipe.monitor])
        page.add_text(
            f"Both losses should fall, {self.rising} should rise. Where the training loss falls "
            f"and the validation loss rises, the model overfits its training {unit}. The weights "
            f"are those of the best epoch: here epoch {best['epoch']}.{self.remark(rows)}"
        )
        add_curves(
            page,
            rows,
            losses={"training": "loss", "validation": "log_loss"},
            shares=self.shares(rows),
            shares_caption=self.shares_caption,
        )

    def _add_usage(self, page: Page, run: Any, unit: str) -> None:
        options, call = self.usage()
        recipe = type(self.recipe)
        add_usage(
            page,
            [
                f"hornbook predict {run.path} {unit}.jsonl {options}--out answers.jsonl",
                f"hornbook evaluate {run.path} DATA",
            ],
            [
                f"from {recipe.__module__.rpartition('.')[0]} import {recipe.__name__}",
                f"{self.variable} = {recipe.__name__}.load({str(run.path)!r})",
                f"{self.variable}.{call}",
            ],
        )


def shortened(text: str, longest: int) -> str:
    """Returns at most `longest` characters of a text, the last one an ellipsis if it is longer."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def worst(mistakes: Mapping[int, float], most: int) -> list[int]:
    """Returns the indices of the worst mistakes, at most `most`.

    Args:
        mistakes: Index of a sample -> how wrong its answer is.
        most: Maximum number of indices.
    """
    return sorted(mistakes, key=lambda number: (-mistakes[number], number))[:most]


def add_confusions(page: Page, labels: Any, answers: Any, names: Sequence[str]) -> None:
    """Adds a chart of how often each label got each answer.

    Args:
        page: The page.
        labels, answers: `(samples,)`, indices of the names.
        names: Names of the labels.
    """
    counts = confusion_matrix(labels, answers, range(len(names)))
    chart = heat_map(counts, rows=names, columns=names)
    page.add_chart(chart, "Label (rows) and answer (columns)")
