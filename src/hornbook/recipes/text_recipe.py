"""The base class of recipes for rows of texts: everything between the data and the report.

A recipe defines its labels (`learn_labels`), its network (`build`), the inputs and outputs of a
sample (`columns`, `outputs`), their metrics (`metrics`) and the answer to a sample (`answer`); its
report shows them.  The rest is here: data, vocabulary, summary, run folder, linear baseline,
training with the weights of the best epoch, report, `evaluate`, `predict`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import backend
from hornbook.data.texts.splits import TextData
from hornbook.data.texts.summary import Reading, TextSplits, summary
from hornbook.progress import note
from hornbook.recipes.fields import learned
from hornbook.recipes.marked_segments import MARKED_SEGMENTS, marked_segments
from hornbook.recipes.text_answers import Columns, TextAnswers
from hornbook.recipes.text_report import TextReport

if TYPE_CHECKING:
    import keras

    from hornbook.text.tokenizer import Encoding

TOKEN_INPUTS = ("token_ids", "segment_ids", "padding_mask")


@dataclass(kw_only=True)
class TextRecipe(TextAnswers):
    """A recipe that learns from labeled rows of texts."""

    takes_rows: ClassVar[bool] = True
    reading: ClassVar[Reading[Any]]
    report: ClassVar[type[TextReport]]
    monitor: ClassVar[str]  # the metric that determines the best epoch

    trained_on: str = learned(str, shown=False)  # a fingerprint of the training samples

    # What a recipe must define.

    @abstractmethod
    def open_data(self, data: Any) -> TextData[Any]:
        """Finds the samples of each split."""

    @abstractmethod
    def learn_labels(self, splits: TextSplits[Any]) -> TextSplits[Any]:
        """Sets the learned fields that the network depends on; returns the splits to use.

        Raises:
            DataError: the labels cannot be learned.
        """

    @abstractmethod
    def loss(self) -> keras.losses.Loss:
        """Returns the loss, averaged by the weights of the samples."""

    @abstractmethod
    def metrics(self, samples: Sequence[Any], outputs: Any) -> dict[str, Any]:
        """Measures the outputs against the labels of the samples."""

    # What a recipe may define.

    def encoder_options(self) -> dict[str, Any]:
        """Returns further arguments of `start`."""
        return {}

    def condition(self, inputs: dict[str, Any]) -> Any:
        """Returns the condition of the encoder's layer normalizations, from further inputs."""
        return None

    @property
    def starts_from_baseline(self) -> bool:
        """Whether the untrained network equals the baseline; it is then evaluated as epoch 0."""
        return False

    def fit_baseline(self, train: Sequence[Any], valid: Sequence[Any]) -> Columns:
        """Fits and evaluates a linear model; returns columns of `train` derived from it."""
        return {}

    def choose_thresholds(self, samples: Sequence[Any], outputs: Any) -> None:
        """Sets the best thresholds for these samples, if the recipe has any."""
        return

    def label_lines(self, splits: TextSplits[Any]) -> Sequence[str] | None:
        """Returns lines about the labels for the summary; None for their counts."""
        return None

    def data_to_measure(self, data: Any) -> TextData[Any]:
        """Finds the samples of each split, for a trained recipe."""
        return self.open_data(data)

    def checked(self, samples: list[Any]) -> list[Any]:
        """Returns the samples; raises DataError if the trained recipe cannot use one of them."""
        return samples

    # What follows from them.

    def _fit(self, data: Any, out: str | Path, *, resume: bool) -> None:
        source = self.open_data(data)
        splits = self.learn_labels(source.training())
        train, valid = splits.train, splits.valid
        fingerprints = {"train": source.fingerprint(train), "valid": source.fingerprint(valid)}
        self.trained_on = fingerprints["train"]
        backend.set_random_seed(self.seed)
        texts = [self.text_of(sample) for sample in train]
        self.start(_flat(texts), **self.encoder_options())
        self.describe(splits, texts)
        self.model = self.build()
        run = self.open_run(out, fingerprints, resume=resume)

        samples = self.columns(train, self.fit_baseline(train, valid))
        held_out = self.columns(valid, {})
        self.compile(self.loss(), self.epochs * len(self.batches(samples, epoch=0)))

        def evaluate() -> dict[str, Any]:
            outputs = self.outputs(held_out)
            self.choose_thresholds(valid, outputs)
            return self.metrics(valid, outputs)

        rows = self.train(
            run,
            resume=resume,
            first=(lambda: None) if self.starts_from_baseline else None,
            model=self.model,
            batches=lambda epoch: self.batches(samples, epoch),
            epochs=self.epochs,
            patience=self.patience,
            evaluate=evaluate,
            monitor=self.monitor,
            unit=self.reading.unit,
        )
        self.report(self, valid, self.outputs(held_out)).write(run, rows, len(train))
        run.snapshots.clear()

    def describe(self, splits: TextSplits[Any], texts: Sequence[str | tuple[str, str]]) -> None:
        """Prints a summary of the data before training: see `hornbook.data.texts.summary`.

        Args:
            splits: The samples.
            texts: Texts of the training samples, as the encoder reads them.
        """
        lengths = self.lengths(texts)
        note(summary(splits, self.reading, lengths, self.label_lines(splits)))

    def segment_ids(self, encoding: Encoding) -> list[int]:
        """Returns the segment IDs of an encoded sample, with marks if the encoder reads them."""
        has_marks = self.encoder.config.type_vocab_size == MARKED_SEGMENTS
        return marked_segments(encoding) if has_marks else encoding.segment_ids

    def encoder_outputs(self) -> tuple[dict[str, Any], Any]:
        """Starts a network: returns its inputs by name, and the encoder's outputs
        `(batch, length, hidden_size)`."""
        import keras

        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in TOKEN_INPUTS}
        tokens = dict(inputs)
        self.others = {}
        return inputs, self.encoder(**tokens, condition=self.condition(inputs))

    def evaluate(self, data: Any, *, split: str | None = None) -> dict[str, Any]:
        """Evaluates on the validation split of `data`, or on all of other data.

        Args:
            data: A folder, a file, or rows in memory, as for `fit`.
            split: `"train"`, `"valid"` or `"test"`, for another split.
        """
        samples = self.checked(self.data_to_measure(data).to_measure(self.trained_on, split))
        return self.metrics(samples, self.outputs(self.columns(samples, {})))

    def example(self, data: Any) -> list[str]:
        return [str(self.open_data(data).example_file())]


def _flat(texts: Iterable[str | tuple[str, str]]) -> list[str]:
    return [one for text in texts for one in ((text,) if isinstance(text, str) else text)]
