"""What is a text?  One label of several, or as many as fit; short texts and long ones.

A Transformer reads the text, the mean of its tokens goes to a classifier.  Long texts are the
reason for the option `attention`: full attention costs the square of the length, the others only
the length (https://kexue.fm/archives/8180).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from hornbook.data.labelled_texts import (
    Label,
    LabelledText,
    classes_of,
    fingerprint,
    read_labelled_texts,
    read_texts_to_predict,
)
from hornbook.errors import DataError, did_you_mean
from hornbook.models.choices import CHOICES
from hornbook.recipes.recipe import Recipe, option, read_saved
from hornbook.recipes.text_classification_report import (
    best_thresholds,
    classification_metrics,
    metrics_table,
    write_report,
)

if TYPE_CHECKING:
    import keras

    from hornbook.models.transformer import Transformer
    from hornbook.text.tokenizer import Tokenizer

CHUNK = 1024  # texts that predict holds at a time
HEAD_SIZE = 64  # from scratch: features of one attention head


@dataclass(kw_only=True)
class TextClassification(Recipe):
    """Decides which labels a text has.

    Example:
        reviews = TextClassification(epochs=3).fit("data/reviews", out="runs/reviews")
        reviews.predict(["物流很快，书也很好"])
    """

    name: ClassVar[str] = "text-classification"
    purpose: ClassVar[str] = "say what a text is: one label of several, or as many as fit"

    pretrained: str | None = option(None, "model folder to start from; without it, from scratch")
    attention: str = option(
        "full", "kind of attention; all but full are for long texts", CHOICES["attention"]
    )
    num_landmarks: int = option(64, "of attention with landmarks: how many", at_least=1)
    window: int = option(64, "of attention with a window: how far it sees", at_least=1)
    positions: str = option(
        "hierarchical",
        "what a pretrained model of fewer positions does with longer texts",
        ("hierarchical", "tiled"),
    )
    hidden_size: int = option(
        64, "from scratch: features of a token", at_least=HEAD_SIZE, multiple_of=HEAD_SIZE
    )
    num_hidden_layers: int = option(2, "from scratch: Transformer blocks", at_least=1)
    vocabulary_size: int = option(8000, "from scratch: most tokens to learn", at_least=100)
    max_length: int = option(256, "most tokens of a text; what follows is cut off", at_least=4)
    epochs: int = option(5, "times through the training data", at_least=1)
    batch_size: int = option(32, "texts a step", at_least=1)
    learning_rate: float | None = option(
        None, "highest learning rate; without it 1e-3 from scratch, 3e-5 pretrained", above=0
    )
    layer_decay: float = option(
        1.0, "factor on the learning rate from a layer to the one below", above=0, at_most=1
    )
    dropout: float = option(0.2, "share of the features dropped in training", at_least=0, below=1)
    ema: float = option(
        0.99, "how much of the weights' average stays at a step; 0: no average", at_least=0, below=1
    )
    patience: int = option(3, "epochs without a better one before it stops; 0: never", at_least=0)
    compute_dtype: str = option(
        "float32", "what it computes in", ("float32", "bfloat16", "float16")
    )
    seed: int = option(
        0, "of the weights, the order and the dropout", at_least=0, at_most=2**32 - 1
    )

    # what fitting finds out
    classes: list[Label] = field(default_factory=list, init=False)
    thresholds: list[float] | None = field(default=None, init=False)  # None: one label a text
    tokenizer: Tokenizer = field(init=False, repr=False)
    encoder: Transformer = field(init=False, repr=False)
    model: keras.Model = field(init=False, repr=False)
    others: dict[str, Any] = field(init=False, repr=False)  # the layers beside the encoder

    def fit(self, data: str | Path, out: str | Path, *, resume: bool = False) -> Self:
        """Trains on labelled texts and keeps everything in the run folder `out`.

        Args:
            data: See `hornbook.data.labelled_texts`.
            out: The run folder: new, or with `resume` the one to go on with.
            resume: Continue a run that was cut off.

        Raises:
            HornbookError: the data, a field, or the run folder is not as needed.
        """
        from hornbook import backend

        backend.announce()  # before Keras is imported, which fails without one
        import keras

        from hornbook.training.loop import Loop
        from hornbook.training.run_folder import RunFolder
        from hornbook.training.text_batches import epoch_batches

        train = read_labelled_texts(data, "train", seed=self.seed)
        valid = read_labelled_texts(data, "valid", seed=self.seed)
        self.classes = classes_of(train, valid)
        self.thresholds = [0.5] * len(self.classes) if train[0].several else None
        description = {
            "recipe": self.name,
            "fields": self.fields(),
            "data": {"train": fingerprint(train), "valid": fingerprint(valid)},
        }
        run = (RunFolder.resume if resume else RunFolder.create)(out, description)
        keras.utils.set_random_seed(self.seed)
        self.tokenizer, self.encoder = self._start(train)
        self.model = self.build()
        samples, held_out = self._columns(train), self._columns(valid)
        truth = self._truth(valid)

        def batches(epoch: int):
            return epoch_batches(
                samples,
                batch_size=self.batch_size,
                seed=self.seed,
                epoch=epoch,
                max_length=self.encoder.config.max_length,
            )

        self._compile(steps=self.epochs * len(batches(0)))

        def evaluate() -> dict[str, Any]:
            probabilities = self._probabilities(held_out)
            if self.thresholds is not None:
                self.thresholds = best_thresholds(truth, probabilities)
            return classification_metrics(truth, probabilities, self.classes, self.thresholds)

        loop = Loop(
            model=self.model,
            batches=batches,
            epochs=self.epochs,
            evaluate=evaluate,
            monitor="macro_f1",
            save=lambda: self.save(run.model),
            patience=self.patience,
            run=run,
            unit="texts",
            snapshot_seconds=self.snapshot_seconds,
        )
        if resume:
            loop.resume()
        rows = loop.train()
        self._restore(run.model)  # the best epoch need not be the last
        write_report(run, self, rows, valid, truth, self._probabilities(held_out))
        run.snapshots.clear()
        return self

    def _start(self, texts: Sequence[LabelledText]) -> tuple[Tokenizer, Transformer]:
        """A pretrained encoder, or a small one whose vocabulary is learned from the texts."""
        from hornbook.pretrained import load
        from hornbook.pretrained.starting import longer_positions, new_encoder

        kind: dict[str, Any] = {
            "attention": self.attention,
            "num_landmarks": self.num_landmarks,
            "window": self.window,
        }
        if self.pretrained is not None:
            found = load(
                self.pretrained,
                application="encoder",
                heads=(),
                compute_dtype=self.compute_dtype,
                **kind,
                **longer_positions(self.pretrained, self.max_length, self.positions),
            )
            return found.need_tokenizer(), found.model
        return new_encoder(
            [text.text for text in texts],
            vocabulary_size=self.vocabulary_size,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            max_length=self.max_length,
            dropout=self.dropout,
            compute_dtype=self.compute_dtype,
            **kind,
        )

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
        classifier = keras.layers.Dense(len(self.classes), dtype="float32", name="classifier")
        self.others = {"classifier": classifier}
        return keras.Model(ids, classifier(x))

    def _compile(self, steps: int) -> None:
        import keras

        from hornbook.training.optimizer import adamw, layerwise_rates

        rates = None
        if self.layer_decay != 1:
            rates = layerwise_rates(self.encoder, self.layer_decay)
        optimizer = adamw(
            self.model,
            steps=steps,
            learning_rate=self.learning_rate or (3e-5 if self.pretrained else 1e-3),
            ema=self.ema,
            rates=rates,
        )
        losses: Any = keras.losses
        loss = losses.SparseCategoricalCrossentropy
        if self.thresholds is not None:
            loss = losses.BinaryCrossentropy
        self.model.compile(optimizer, loss(from_logits=True, reduction="mean_with_sample_weight"))

    def _columns(self, texts: Sequence[LabelledText]) -> dict[str, list]:
        """What the network reads, a value a text; the same for training and prediction."""
        limit = min(self.max_length, self.encoder.config.max_length)
        encodings = self.tokenizer.encode_batch([text.text for text in texts], limit)
        columns: dict[str, list] = {
            "token_ids": [encoding.token_ids for encoding in encodings],
            "segment_ids": [encoding.segment_ids for encoding in encodings],
            "padding_mask": [[1] * len(encoding.token_ids) for encoding in encodings],
            "where": [text.where for text in texts],
        }
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
        from hornbook.training.text_batches import predicted_logits

        rows = 2 * self.batch_size  # nothing is kept for gradients
        limit = self.encoder.config.max_length
        logits = predicted_logits(self.model, columns, rows=rows, max_length=limit)
        if self.thresholds is not None:
            return 1 / (1 + np.exp(-logits))
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def evaluate(self, data: str | Path) -> dict[str, Any]:
        """Measures on the validation split of `data`.

        Returns:
            `f1`, `precision`, `recall` and `texts` by class; `macro_f1`; `accuracy`, of all
            labels of a text where it can have several.
        """
        texts = read_labelled_texts(data, "valid", seed=self.seed)
        truth = self._truth(texts)
        probabilities = self._probabilities(self._columns(texts))
        return classification_metrics(truth, probabilities, self.classes, self.thresholds)

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(metrics)

    def predict(self, samples: Iterable[str | LabelledText]) -> list[dict[str, Any]]:
        """Answers for each text, in order: see `predict_stream`."""
        return list(self.predict_stream(samples))

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

    def predict_files(self, sources: Sequence[str | Path]) -> Iterator[dict[str, Any]]:
        """Answers for the texts of files, or of `"-"`, standard input, as they come."""
        for source in sources:
            yield from self.predict_stream(read_texts_to_predict(source))

    def save(self, folder: str | Path) -> None:
        """Writes weights, configuration, vocabulary and classes, with their checksums."""
        from hornbook.files import atomic_folder, write_json
        from hornbook.pretrained import write_model

        with atomic_folder(folder) as temporary:
            write_model(temporary, self.encoder, self.tokenizer, others=self.others)
            learned = {"classes": self.classes, "thresholds": self.thresholds}
            saved = {"recipe": self.name, "fields": self.fields(), "learned": learned}
            write_json(temporary / "recipe.json", saved)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Opens a run folder, or what `save` wrote.

        Raises:
            HornbookError: it is no such folder, or something in it is damaged.
        """
        from hornbook.pretrained import open_folder

        saved, folder = read_saved(folder)
        recipe = cls.from_fields(saved["fields"])
        recipe.classes = saved["learned"]["classes"]
        recipe.thresholds = saved["learned"]["thresholds"]
        recipe.encoder, tokenizer, _ = open_folder(
            folder, heads=(), compute_dtype=recipe.compute_dtype
        )
        assert tokenizer is not None  # the manifest has just said that everything is there
        recipe.tokenizer = tokenizer
        recipe.model = recipe.build()
        recipe._restore(folder)
        return recipe

    def _restore(self, folder: str | Path) -> None:
        """Takes the weights and thresholds that `save` wrote into the model as it is built."""
        from hornbook.checkpoints import find_checkpoint
        from hornbook.pretrained import read_model

        saved, folder = read_saved(folder)
        read_model(self.encoder, find_checkpoint(folder), others=self.others)
        self.thresholds = saved["learned"]["thresholds"]


def _as_text(sample: str | LabelledText, number: int) -> LabelledText:
    if isinstance(sample, LabelledText):
        return sample
    return LabelledText(sample, None, False, f"text {number}")


def _without_labels(text: LabelledText) -> LabelledText:
    return LabelledText(text.text, None, False, text.where)
