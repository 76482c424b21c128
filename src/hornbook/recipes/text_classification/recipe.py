"""Text classification: one label per text, or several; short and long texts.

A Transformer reads the text, and the average over its tokens goes to a classifier.  From scratch
its logits are added to those of a linear model of n-grams, which learns more from a few thousand
texts than a new Transformer.  The option `attention` is for long texts: the cost of full attention
is quadratic in the length, that of other kinds linear (https://kexue.fm/archives/8180).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.special import softmax

from hornbook.data.readers.text_rows import PlainText
from hornbook.data.texts.labeled import (
    READING,
    Label,
    LabeledText,
    classes_of,
    in_one_kind,
    labeled_texts,
    read_texts_to_predict,
    text_to_predict,
)
from hornbook.data.texts.splits import TextData
from hornbook.data.texts.summary import TextSplits
from hornbook.errors import DataError, did_you_mean
from hornbook.linear import NgramClassifier, NgramTraining
from hornbook.recipes.fields import learned, option, part
from hornbook.recipes.pooled_text_recipe import PooledTextRecipe
from hornbook.recipes.text_answers import Columns
from hornbook.recipes.text_classification.report import (
    FIGURES,
    ClassificationReport,
    best_thresholds,
    classification_metrics,
)


@dataclass(kw_only=True)
class TextClassification(PooledTextRecipe):
    """Classifies texts.

    Learns from labeled texts, see `hornbook.data.texts.labeled`: a folder, a file, or rows in
    memory.  `evaluate` returns `f1`, `precision`, `recall` and `texts` by class, `macro_f1`, and
    `accuracy`, the share of texts with all labels right.  `predict` takes texts, or rows with a
    `text`, and returns the row, its `text`, `predicted`, a label or a list of them, and the
    `probability` of that label or of each.

    Example:
        reviews = TextClassification(epochs=3).fit("data/reviews", out="runs/reviews")
        reviews.predict(["物流很快，书也很好"])
    """

    name = "text-classification"
    purpose = "classify texts, with one label or several per text"
    reading = READING
    report = ClassificationReport
    monitor = "macro_f1"

    ngrams: str = option(
        "auto",
        "a linear model of n-grams that the network adds to; auto adds it from scratch only",
        ("auto", "add", "none"),
    )

    linear: NgramClassifier | None = part()  # None if the network is used alone
    classes: list[Label] = learned(list)
    thresholds: list[float] | None = learned(lambda: None)  # None: one label per text

    def open_data(self, data: Any) -> TextData[LabeledText]:
        return labeled_texts(data, seed=self.seed)

    def learn_labels(self, splits: TextSplits[LabeledText]) -> TextSplits[LabeledText]:
        splits = in_one_kind(splits)
        self.classes = classes_of(splits.train, splits.valid)
        self.thresholds = [0.5] * len(self.classes) if splits.train[0].several else None
        return splits

    @property
    def adds_to_ngrams(self) -> bool:
        """Whether the network adds to a linear model of n-grams."""
        return self.ngrams == "add" or (self.ngrams == "auto" and self.pretrained is None)

    @property
    def starts_from_baseline(self) -> bool:
        return self.linear is not None

    def fit_baseline(self, train: Sequence[LabeledText], valid: Sequence[LabeledText]) -> Columns:
        """Fits the linear model that the network adds to, and evaluates plain TF-IDF.

        Returns:
            Its logits of the training texts, each by a model that was not fitted to the text, since
            a model is overconfident about the texts it was fitted to.
        """
        texts, classes = [text.text for text in train], len(self.classes)
        training = NgramTraining(texts, self.truth(train), classes, seed=self.seed)
        logits = training.plain().logits([text.text for text in valid], classes)
        truth, probabilities = self.truth(valid), self.to_probabilities(logits)
        thresholds = self.thresholds and best_thresholds(truth, probabilities)
        self.baseline = classification_metrics(truth, probabilities, self.classes, thresholds)
        self.linear, unseen = training.best() if self.adds_to_ngrams else (None, None)
        return {} if unseen is None else {"linear_logits": list(unseen)}

    def head(self, inputs: dict[str, Any], features: Any) -> Any:
        import keras

        # with zeros the untrained network equals the linear model
        initializer = "zeros" if self.adds_to_ngrams else "glorot_uniform"
        logits = self.classifier(features, len(self.classes), initializer)
        if self.adds_to_ngrams:
            inputs["linear_logits"] = keras.Input((len(self.classes),), name="linear_logits")
            logits = logits + inputs["linear_logits"]
        return logits

    def loss_class(self) -> Any:
        import keras

        losses: Any = keras.losses
        several = self.thresholds is not None
        return losses.BinaryCrossentropy if several else losses.SparseCategoricalCrossentropy

    def columns(self, samples: Sequence[LabeledText], known: Mapping[str, list[Any]]) -> Columns:
        columns = {**self.token_columns(samples), **known}
        if self.linear is not None and "linear_logits" not in known:
            texts = [text.text for text in samples]
            columns["linear_logits"] = list(self.linear.logits(texts, len(self.classes)))
        if all(text.labels is not None for text in samples):
            columns["label"] = list(self.truth(samples))
        return columns

    def truth(self, texts: Sequence[LabeledText]) -> np.ndarray:
        """Returns the class index of each text; with several labels `(texts, classes)` of 0 and 1.

        Raises:
            DataError: a text has a label that the model does not know.
        """
        indices = {str(label): index for index, label in enumerate(self.classes)}
        for text in texts:
            for label in text.labels or ():
                if str(label) not in indices:
                    guess = did_you_mean(str(label), indices)
                    raise DataError(f"{text.where}: the label {label!r}. {guess}")
            if self.thresholds is None and len(text.labels or ()) != 1:
                raise DataError(f"{text.where}: {text.labels} are not one label.")
        truth = np.zeros((len(texts), len(indices)), "float32")
        for row, text in zip(truth, texts, strict=True):
            row[[indices[str(label)] for label in text.labels or ()]] = 1
        return truth.argmax(axis=1).astype("int32") if self.thresholds is None else truth

    def to_probabilities(self, logits: np.ndarray) -> np.ndarray:
        if self.thresholds is not None:
            return np.asarray(1 / (1 + np.exp(-logits)))
        return np.asarray(softmax(logits, axis=1))

    def choose_thresholds(self, samples: Sequence[LabeledText], probabilities: np.ndarray) -> None:
        if self.thresholds is not None:
            self.thresholds = best_thresholds(self.truth(samples), probabilities)

    def metrics(self, samples: Sequence[LabeledText], probabilities: np.ndarray) -> dict[str, Any]:
        truth = self.truth(samples)
        return classification_metrics(truth, probabilities, self.classes, self.thresholds)

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        rows = [
            [label, texts, *(metrics[name][label] for name in FIGURES), None]
            for label, texts in metrics["texts"].items()
        ]
        rows.append(["all", None, None, None, metrics["macro_f1"], metrics["accuracy"]])
        return ["label", "texts", "precision", "recall", "F1", "accuracy"], rows

    def unlabeled(self, text: PlainText | LabeledText) -> LabeledText:
        return LabeledText(text.text, None, False, text.where, text.extra)

    def row_to_predict(self, row: Mapping[Any, Any], where: str) -> LabeledText:
        return text_to_predict(row, where)

    def read_to_predict(self, source: str | Path) -> Iterator[LabeledText]:
        return read_texts_to_predict(source)

    def answer(self, sample: LabeledText, output: np.ndarray) -> dict[str, Any]:
        row = {**sample.extra, "text": sample.text}
        figures = [round(float(probability), 6) for probability in output]
        if self.thresholds is None:
            best = int(output.argmax())
            return {**row, "predicted": self.classes[best], "probability": figures[best]}
        labels = zip(self.classes, output, self.thresholds, strict=True)
        row["predicted"] = [label for label, value, threshold in labels if value >= threshold]
        row["probability"] = dict(zip(map(str, self.classes), figures, strict=True))
        return row

    # Files beside the Transformer.

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        return super().from_fields({"ngrams": "none", **fields})  # for runs older than the option

    def build_for(self, folder: Path) -> None:
        self.linear = NgramClassifier.load(folder) if self.adds_to_ngrams else None
        super().build_for(folder)

    def write_parts(self, folder: Path) -> None:
        """Writes weights, configuration, vocabulary and n-grams."""
        super().write_parts(folder)
        if self.linear is not None:
            self.linear.save(folder)
