"""Text recipes, from what `predict` is called with to answers."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hornbook.data.readers.in_memory_rows import each_sample
from hornbook.data.readers.text_rows import PlainText, text_to_predict, texts_to_predict
from hornbook.errors import DataError
from hornbook.recipes.encoder_recipe import EncoderRecipe

Columns = dict[str, list[Any]]


@dataclass(kw_only=True)
class TextAnswers(EncoderRecipe):
    """A recipe that answers for rows of texts.

    Samples are any objects with a `where`.  Where they are single texts, with `text` and `extra`,
    a recipe needs only `unlabeled` of the methods from there to `read_to_predict`.
    """

    chunk: ClassVar[int] = 1024  # samples that are predicted at a time

    @abstractmethod
    def columns(self, samples: Sequence[Any], known: Mapping[str, list[Any]]) -> Columns:
        """Returns the network's inputs, one value per sample, with `label` and `where`.

        Args:
            samples: Samples, with or without labels.
            known: Columns that need not be computed.
        """

    @abstractmethod
    def outputs(self, columns: Mapping[str, Sequence[Any]]) -> Any:
        """Computes the network's outputs of each sample, for `metrics`, `answer` and the report."""

    @abstractmethod
    def answer(self, sample: Any, output: Any) -> dict[str, Any]:
        """Returns the answer to a sample, from its element of `outputs`."""

    def unlabeled(self, text: Any) -> Any:
        """Returns a sample without its label; of a recipe of single texts also of a `PlainText`."""
        return text

    def text_of(self, sample: Any) -> str | tuple[str, str]:
        """Returns what the encoder reads of a sample: a text, or a pair of texts."""
        text: str = sample.text
        return text

    def row_to_predict(self, row: Mapping[Any, Any], where: str) -> Any:
        """Makes a sample of a row passed to `predict`."""
        return self.unlabeled(text_to_predict(row, where))

    def value_to_predict(self, value: Any, number: int) -> Any:
        """Makes a sample of the `number`-th value passed to `predict` that is not a row."""
        if not isinstance(value, str):
            raise DataError(f"text {number} is {value!r}; expected a string.")
        return self.unlabeled(PlainText(value, f"text {number}", {}))

    def read_to_predict(self, source: str | Path) -> Iterator[Any]:
        """Reads samples without labels from a file, or from `"-"`, standard input."""
        return map(self.unlabeled, texts_to_predict(source))

    def as_sample(self, sample: Any, number: int) -> Any:
        """Checks the `number`-th sample passed to `predict`; returns it in the recipe's type."""
        if hasattr(sample, "where"):
            return sample
        if isinstance(sample, Mapping):
            return self.row_to_predict(sample, f"row {number}")
        return self.value_to_predict(sample, number)

    def predict_stream(self, samples: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """Answers for each sample as it comes, in order, some at a time."""
        yield from self.in_chunks(samples, self.as_sample, self.answers)

    def predict_files(
        self, sources: Sequence[str | Path], **choices: Any
    ) -> Iterator[dict[str, Any]]:
        """Answers for the samples of files, or of `"-"`, standard input, as they come.

        Args:
            sources: The files.
            choices: Further arguments of `predict_stream`.
        """
        for source in sources:
            yield from self.predict_stream(self.read_to_predict(source), **choices)

    def in_chunks(
        self,
        samples: Iterable[Any],
        as_sample: Callable[[Any, int], Any],
        answers: Callable[[Sequence[Any]], Iterator[dict[str, Any]]],
    ) -> Iterator[dict[str, Any]]:
        """Checks samples as they come, and answers `chunk` at a time.

        Args:
            samples: The samples.
            as_sample, answers: The methods of these names, perhaps with further arguments.
        """
        checked = (as_sample(sample, n) for n, sample in enumerate(each_sample(samples), 1))
        while chunk := list(itertools.islice(checked, self.chunk)):
            yield from answers(chunk)

    def answers(self, samples: Sequence[Any]) -> Iterator[dict[str, Any]]:
        """Yields the answer to each sample."""
        outputs = self.outputs(self.columns([self.unlabeled(one) for one in samples], {}))
        for sample, output in zip(samples, outputs, strict=True):
            yield self.answer(sample, output)
