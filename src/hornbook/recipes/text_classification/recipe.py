"""What is a text?  One label of several, or as many as fit; short texts and long ones.

A Transformer reads the text, the mean of its tokens goes to a classifier.  From scratch it adds
to a linear model of n-grams, which learns more from a few thousand texts than a new Transformer.
Long texts are the reason for the option `attention`: full attention costs the square of the
length, the others only the length (https://kexue.fm/archives/8180).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from hornbook import backend
from hornbook.data.texts.labelled import (
    READING,
    Label,
    LabelledText,
    classes_of,
    fingerprint,
    labelled_texts,
    read_texts_to_predict,
    read_training_texts,
)
from hornbook.errors import DataError, did_you_mean
from hornbook.linear import NgramClassifier, NgramTraining
from hornbook.recipes.fields import learned, option, part
from hornbook.recipes.text_classification.report import (
    best_thresholds,
    classification_metrics,
    compared,
    metrics_table,
    write_report,
)
from hornbook.recipes.text_recipe import TextRecipe

if TYPE_CHECKING:
    import keras

CHUNK = 1024  # texts that predict holds at a time


@dataclass(kw_only=True)
class TextClassification(TextRecipe):
    """Decides which labels a text has.

    Example:
        reviews = TextClassification(epochs=3).fit("data/reviews", out="runs/reviews")
        reviews.predict(["物流很快，书也很好"])
    """

    name: ClassVar[str] = "text-classification"
    purpose: ClassVar[str] = "say what a text is: one label of several, or as many as fit"

    ngrams: str = option(
        "auto",
        "a linear model of n-grams that the network adds to; auto: from scratch",
        ("auto", "add", "none"),
    )

    linear: NgramClassifier | None = part()  # None: the network answers alone
    baseline: dict[str, Any] = part()  # what plain TF-IDF reaches, once fitted
    classes: list[Label] = learned(list)
    thresholds: list[float] | None = learned(lambda: None)  # None: one label a text
    trained_on: str = learned(str, shown=False)  # a fingerprint

    def _fit(self, data: str | Path, out: str | Path, *, resume: bool) -> None:
        """Trains on labelled texts: see `hornbook.data.texts.labelled`, and `Recipe.fit`."""
        import keras

        splits = read_training_texts(data, seed=self.seed)
        train, valid = splits.train, splits.valid
        self.classes, self.trained_on = classes_of(train, valid), fingerprint(train)
        self.thresholds = [0.5] * len(self.classes) if train[0].several else None
        backend.set_random_seed(self.seed)
        self.start([text.text for text in train])
        self.describe(splits, READING, [text.text for text in train])
        self.model = self.build()
        known = {"train": self.trained_on, "valid": fingerprint(valid)}
        run = self.open_run(out, known, resume=resume)

        truth = self._truth(valid)
        unseen = self._fit_linear(train, valid)
        samples, held_out = self._columns(train, unseen), self._columns(valid)
        losses: Any = keras.losses
        loss = losses.SparseCategoricalCrossentropy
        if self.thresholds is not None:
            loss = losses.BinaryCrossentropy
        self.compile(loss, steps=self.epochs * len(self.batches(samples, epoch=0)))

        def evaluate() -> dict[str, Any]:
            probabilities = self._probabilities(held_out)
            if self.thresholds is not None:
                self.thresholds = best_thresholds(truth, probabilities)
            return classification_metrics(truth, probabilities, self.classes, self.thresholds)

        rows = self.train(
            run,
            resume=resume,
            model=self.model,
            # the new classifier adds nothing yet: epoch 0 is the linear model alone
            first=(lambda: None) if self.linear is not None else None,
            batches=lambda epoch: self.batches(samples, epoch),
            epochs=self.epochs,
            patience=self.patience,
            evaluate=evaluate,
            monitor="macro_f1",
            unit="texts",
        )
        probabilities = self._probabilities(held_out)
        write_report(run, self, rows, valid, truth, probabilities, len(train))
        run.snapshots.clear()

    @property
    def adds_to_ngrams(self) -> bool:
        """Whether the network adds to a linear model of n-grams."""
        return self.ngrams == "add" or (self.ngrams == "auto" and self.pretrained is None)

    def _fit_linear(
        self, train: Sequence[LabelledText], valid: Sequence[LabelledText]
    ) -> np.ndarray | None:
        """Fits the linear model that the network adds to, and measures plain TF-IDF.

        Returns:
            Its logits of the training texts, `(texts, classes)`, each by a model that has not
            seen the text: of those it was fitted to it is too sure.
        """
        texts, classes = [text.text for text in train], len(self.classes)
        training = NgramTraining(texts, self._truth(train), classes, seed=self.seed)
        logits = training.plain().logits([text.text for text in valid], classes)
        truth, probabilities = self._truth(valid), self._to_probabilities(logits)
        thresholds = self.thresholds and best_thresholds(truth, probabilities)
        self.baseline = classification_metrics(truth, probabilities, self.classes, thresholds)
        self.linear, unseen = training.best() if self.adds_to_ngrams else (None, None)
        return unseen

    def build(self) -> keras.Model:
        """The whole network: encoder, pooling, classifier -> logits `(batch, classes)`."""
        import keras

        from hornbook.layers import MaskedAveragePooling

        ids = {
            name: keras.Input((None,), dtype="int32", name=name)
            for name in ("token_ids", "segment_ids", "padding_mask")
        }
        x = MaskedAveragePooling()(self.encoder(**ids), ids["padding_mask"])
        x = keras.layers.Dropout(self.dropout)(x)
        # in float32 whatever the rest computes in, for the softmax
        classifier = keras.layers.Dense(
            len(self.classes),
            kernel_initializer="zeros" if self.adds_to_ngrams else "glorot_uniform",
            dtype="float32",
            name="classifier",
        )
        self.others = {"classifier": classifier}
        logits = classifier(x)
        if self.adds_to_ngrams:
            ids["linear_logits"] = keras.Input((len(self.classes),), name="linear_logits")
            logits = logits + ids["linear_logits"]
        return keras.Model(ids, logits)

    def _columns(
        self, texts: Sequence[LabelledText], linear_logits: np.ndarray | None = None
    ) -> dict[str, list]:
        """What the network reads, a value per text; the same for training and prediction.

        Args:
            texts: To read.
            linear_logits: Of the texts, where the linear model's are not the ones to add to.
        """
        from hornbook.training.text_batches import token_columns

        columns = token_columns(self.encoded([text.text for text in texts]))
        columns["where"] = [text.where for text in texts]
        if self.linear is not None:
            if linear_logits is None:
                linear_logits = self.linear.logits([text.text for text in texts], len(self.classes))
            columns["linear_logits"] = list(linear_logits)
        if all(text.labels is not None for text in texts):
            columns["label"] = list(self._truth(texts))
        return columns

    def _truth(self, texts: Sequence[LabelledText]) -> np.ndarray:
        """The number of each text's class; or with several labels `(texts, classes)` of 0 and 1.

        Raises:
            DataError: a text has a label that the model does not know.
        """
        numbers = {str(label): number for number, label in enumerate(self.classes)}
        for text in texts:
            for label in text.labels or ():
                if str(label) not in numbers:
                    guess = did_you_mean(str(label), numbers)
                    raise DataError(f"{text.where}: the label {label!r}. {guess}")
            if self.thresholds is None and len(text.labels or ()) != 1:
                raise DataError(f"{text.where}: {text.labels} are not one label.")
        found = [[numbers[str(label)] for label in text.labels or ()] for text in texts]
        if self.thresholds is None:
            return np.array([number for [number] in found], "int32")
        truth = np.zeros((len(texts), len(numbers)), "float32")
        for row, labels in zip(truth, found, strict=True):
            row[labels] = 1
        return truth

    def _probabilities(self, columns: dict[str, list]) -> np.ndarray:
        """The probability of each class for each text, `(texts, classes)`."""
        return self._to_probabilities(self.predicted(columns))

    def _to_probabilities(self, logits: np.ndarray) -> np.ndarray:
        if self.thresholds is not None:
            return 1 / (1 + np.exp(-logits))
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def evaluate(self, data: str | Path, *, split: str | None = None) -> dict[str, Any]:
        """Measures on the validation split of `data`; on all of a file it was not trained on.

        Args:
            data: See `hornbook.data.texts.labelled`.
            split: `"train"`, `"valid"` or `"test"`, for another split.

        Returns:
            `f1`, `precision`, `recall` and `texts` by class; `macro_f1`; `accuracy`, of all
            labels of a text where it can have several.
        """
        texts = labelled_texts(data, seed=self.seed).to_measure(self.trained_on, split)
        truth = self._truth(texts)
        probabilities = self._probabilities(self._columns(texts))
        return classification_metrics(truth, probabilities, self.classes, self.thresholds)

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(metrics)

    def comparison(self, metrics: dict[str, Any]) -> str:
        return compared(metrics, self.baseline)

    def predict_stream(self, samples: Iterable[str | LabelledText]) -> Iterator[dict[str, Any]]:
        """Answers for each text as it comes, in order, holding some at a time.

        Yields:
            The text; `predicted`, its label, or a list of them; and `probability` of that
            label, or of each.
        """
        texts = (_as_text(sample, number) for number, sample in enumerate(samples, 1))
        while chunk := list(itertools.islice(texts, CHUNK)):
            columns = self._columns([_without_labels(text) for text in chunk])
            for text, row in zip(chunk, self._probabilities(columns), strict=True):
                yield {**text.extra, "text": text.text, **self._answer(row)}

    def _answer(self, row: np.ndarray) -> dict[str, Any]:
        figures = [round(float(probability), 6) for probability in row]
        if self.thresholds is None:
            best = int(row.argmax())
            return {"predicted": self.classes[best], "probability": figures[best]}
        rows = zip(self.classes, row, self.thresholds, strict=True)
        return {
            "predicted": [label for label, found, threshold in rows if found >= threshold],
            "probability": dict(zip(map(str, self.classes), figures, strict=True)),
        }

    def example(self, data: str | Path) -> list[str]:
        return [str(labelled_texts(data).example_file())]

    def predict_files(self, sources: Sequence[str | Path]) -> Iterator[dict[str, Any]]:
        """Answers for the texts of files, or of `"-"`, standard input, as they come."""
        for source in sources:
            yield from self.predict_stream(read_texts_to_predict(source))

    # What is saved beside the Transformer.

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        return super().from_fields({"ngrams": "none", **fields})  # of before there were any

    def build_for(self, folder: Path) -> None:
        self.linear = NgramClassifier.load(folder) if self.adds_to_ngrams else None
        super().build_for(folder)

    def write_parts(self, folder: Path) -> None:
        """Writes weights, configuration, vocabulary and n-grams."""
        super().write_parts(folder)
        if self.linear is not None:
            self.linear.save(folder)


def _as_text(sample: str | LabelledText, number: int) -> LabelledText:
    if isinstance(sample, LabelledText):
        return sample
    if not isinstance(sample, str):
        raise DataError(f"text {number} is {sample!r}; expected a text.")
    return LabelledText(sample, None, False, f"text {number}")


def _without_labels(text: LabelledText) -> LabelledText:
    return LabelledText(text.text, None, False, text.where)
