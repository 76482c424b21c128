"""Reads captchas end to end, trained on labeled images.

The original (https://kexue.fm/archives/4503) put four softmaxes on a pretrained Xception and was
trained on a hundred thousand images.  Here a small network of four convolutions is enough for a CPU
and a few hundred images: training images are randomly distorted, and two heads on one trunk, a
softmax per character and CTC, score the strings together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hornbook import backend
from hornbook.data.captchas.image_size import check_size, image_size
from hornbook.data.captchas.labeled_images import Alphabet, find_alphabet, fingerprint
from hornbook.data.captchas.sources import Captcha
from hornbook.data.images.decoded_batches import shuffled_batches
from hornbook.data.images.decoding import Source
from hornbook.data.images.distortion import distorted, resized
from hornbook.data.images.pixels import Pixels
from hornbook.data.images.rows.image_rows import (
    PARQUET,
    file_to_try,
    images_in,
    images_to_predict,
    named,
    row_splits,
)
from hornbook.data.images.rows.row_image import ImageFile
from hornbook.data.seeding import random_of
from hornbook.errors import OptionError
from hornbook.recipes.captcha.labeled_data import (
    images_to_evaluate,
    summary,
    training_images,
)
from hornbook.recipes.captcha.readings import Readings, fit_temperature, read
from hornbook.recipes.captcha.report import captcha_metrics, metrics_table, write_report
from hornbook.recipes.fields import learned, option
from hornbook.recipes.recipe import Recipe
from hornbook.recipes.training_options import (
    dropout_option,
    ema_option,
    patience_option,
    seed_option,
)

if TYPE_CHECKING:
    import keras

    from hornbook.training.images.outputs import Outputs

SHOWN = 60_000  # training images over all epochs, if `epochs` is None
EPOCHS = (3, 300)  # minimum and maximum number of epochs then


@dataclass(kw_only=True)
class CaptchaReading(Recipe):
    """Reads the text of small images.

    Example:
        reader = CaptchaReading().fit("captchas", out="runs/captcha")
        reader.predict(["new.png"])  # [{"file": "new.png", "text": "7h2k", "confidence": 0.99, ...
        rows = [{"image": pixels, "label": "7h2k"}, ...]  # or a table, or a dataset
        reader = CaptchaReading().fit(rows, out="runs/captcha")
    """

    name: ClassVar[str] = "captcha"
    purpose: ClassVar[str] = "read the captchas of your own site, after training on labeled images"
    takes_rows: ClassVar[bool] = True
    answers_have_errors: ClassVar[bool] = True

    length: str = option("auto", "characters per image: a number, or auto")
    characters: str = option(
        "auto", "characters that occur: auto, a list such as 0123abc, or digits+lower+upper"
    )
    case: str = option("auto", "treatment of case; ignored: lowercase labels", ("auto", "ignored"))
    size: str = option("auto", "WIDTHxHEIGHT that images are resized to, such as 160x64; or auto")
    backbone: str = option("compact", "compact, or a keras.applications name such as Xception")
    weights: str | None = option(
        None, "weights of a keras.applications backbone: imagenet (the default), none, or a file"
    )
    epochs: int | None = option(
        None, f"number of epochs; defaults to {SHOWN:,} training images in total", at_least=1
    )
    batch_size: int = option(32, "images per step", at_least=1)
    learning_rate: float | None = option(
        None, "peak learning rate; defaults to 3e-3, or 1e-3 with another backbone", above=0
    )
    distortion: float = option(
        1.0, "strength of the distortion of training images; 0 disables it", at_least=0, at_most=3
    )
    dropout: float = dropout_option()
    ema: float = ema_option()
    patience: int = patience_option()
    seed: int = seed_option("weights, data order and distortion")

    alphabet: Alphabet = learned(
        lambda: Alphabet("", 0, 0, False), lambda fields: Alphabet(**fields)
    )
    image_size: tuple[int, int] = learned(lambda: (0, 0), tuple)
    temperature: float = learned(lambda: 1.0)
    held_out: str = learned(str, shown=False)  # fingerprint of the validation images

    def __post_init__(self) -> None:
        length: Any = self.length
        if type(length) is int:
            self.length = str(length)
        super().__post_init__()
        if self.length != "auto" and not (self.length.isdecimal() and 0 < int(self.length) < 65):
            raise OptionError(f"length is {self.length!r}, expected auto or a number up to 64.")
        if self.backbone == "compact" and self.weights not in (None, "none"):
            raise OptionError(
                f"weights is {self.weights!r}, but the compact network has no pretrained weights.\n"
                "Omit it, or choose a backbone of keras.applications."
            )
        check_size(self.size)

    def values_used(self) -> dict[str, Any]:
        return {
            "weights": "imagenet",
            "learning_rate": 3e-3 if self.backbone == "compact" else 1e-3,
        }

    def idle_options(self) -> set[str]:
        return {"weights"} if self.backbone == "compact" else set()

    def _fit(self, data: Any, out: str | Path, *, resume: bool) -> None:
        """Trains on labeled images: see `hornbook.data.captchas`, and `Recipe.fit`."""
        from hornbook.progress import note

        captchas = training_images(data, self.seed)
        train, valid = captchas.train, captchas.valid
        self.alphabet = find_alphabet(
            [*train, *valid], length=self.length, characters=self.characters, case=self.case
        )
        self.image_size = image_size(captchas.sizes, self.size)
        note(summary(captchas, self.alphabet, self.image_size))
        self.held_out = captchas.held_out
        backend.set_random_seed(self.seed)
        self.model = self.build(self.weights)
        fingerprints = {"train": fingerprint(train), "valid": fingerprint(valid)}
        run = self.open_run(out, fingerprints, resume=resume)

        epochs = self.epochs or min(max(round(SHOWN / len(train)), EPOCHS[0]), EPOCHS[1])
        pixels = Pixels([captcha.path for captcha in train], self._prepared)
        labels = self._numbers(train)
        self._compile(epochs * -(-len(train) // self.batch_size))
        held_out = [captcha.path for captcha in valid]

        rows = self.train(
            run,
            resume=resume,
            model=self.model,
            batches=lambda epoch: self._batches(train, pixels, labels, epoch),
            epochs=epochs,
            patience=self.patience,
            evaluate=lambda: self._validate(valid, held_out),
            monitor="probability",
            unit="images",
            workers=None,  # distorting an image takes about a fifth of the time of training on it
        )
        logits = np.concatenate([outputs["logits"] for _, outputs in self._outputs(held_out)])
        self.temperature = fit_temperature(logits, self.alphabet.longest, self._numbers(valid))
        self.save(run.model)
        readings = read(logits, self.alphabet.longest, self.temperature)
        training = train, self._readings([captcha.path for captcha in train])
        if message := write_report(run, self, rows, valid, readings, training):
            note(message)
        run.snapshots.clear()

    def build(self, weights: str | None = "none") -> keras.Model:
        """Builds the network, with `weights` for a backbone of `keras.applications`."""
        from hornbook.models.vision.captcha_reader import captcha_reader

        return captcha_reader(
            self.image_size,
            len(self.alphabet.characters),
            self.alphabet.longest,
            backbone=self.backbone,
            weights=weights or "imagenet",
            dropout=self.dropout,
        )

    def _compile(self, steps: int) -> None:
        from hornbook.models.vision.captcha_reader import ReadingLoss
        from hornbook.training.optimizer import adamw

        rate = self.settings()["learning_rate"]
        optimizer = adamw(self.model, steps=steps, learning_rate=rate, ema=self.ema)
        self.model.compile(optimizer, ReadingLoss(self.alphabet.longest, label_smoothing=0.05))

    def _prepared(self, image: Any) -> np.ndarray:
        """Returns the network's input for an image, the same for training and prediction."""
        return resized(image, self.image_size)

    def _numbers(self, captchas: Sequence[Captcha]) -> np.ndarray:
        """Returns the labels as character indices from 1, padded with 0: `(captchas, longest)`."""
        numbers = np.zeros((len(captchas), self.alphabet.longest), np.int32)
        for row, captcha in zip(numbers, captchas, strict=True):
            text = self.alphabet.text(captcha.label)
            row[: len(text)] = [1 + self.alphabet.characters.index(one) for one in text]
        return numbers

    def _batches(
        self, captchas: Sequence[Captcha], pixels: Pixels, labels: np.ndarray, epoch: int
    ) -> list[Any]:
        """Returns the batches of an epoch: a pure function of the seed and the epoch."""
        from hornbook.training.loop import Batch

        def batch(numbers: np.ndarray) -> Batch:
            def arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
                # one shape for all batches: rows that fill up the last one have weight 0
                rows = np.resize(numbers, self.batch_size)
                images = [
                    distorted(pixels[row], random_of(self.seed, epoch, row), self.distortion)
                    for row in rows.tolist()
                ]
                weights = (np.arange(self.batch_size) < len(numbers)).astype(np.float32)
                return np.stack(images), labels[rows], weights

            def where() -> list[str]:
                return [str(captchas[number].path) for number in numbers]

            return Batch(size=len(numbers), arrays=arrays, where=where)

        order = shuffled_batches(len(captchas), self.batch_size, seed=self.seed, epoch=epoch)
        return [batch(numbers) for numbers in order]

    def _outputs(self, sources: Iterable[Source]) -> Outputs:
        """Yields problems and logits of the images, batch by batch: see `image_outputs`."""
        from hornbook.training.images.outputs import image_outputs

        width, height = self.image_size
        return image_outputs(
            self.model,
            sources,
            lambda image, random: self._prepared(image)[None],
            shape=(1, height, width, 3),
            rows=4 * self.batch_size,  # no memory is needed for gradients
        )

    def _validate(
        self, captchas: Sequence[Captcha], sources: Sequence[ImageFile]
    ) -> dict[str, Any]:
        """Returns the metrics of an epoch, and the training loss on these images."""
        import keras

        logits = np.concatenate([outputs["logits"] for _, outputs in self._outputs(sources)])
        readings = read(logits, self.alphabet.longest, self.temperature)
        loss = self.model.loss(self._numbers(captchas), logits)
        return {
            **captcha_metrics(captchas, readings, self.alphabet),
            "validation_loss": float(keras.ops.convert_to_numpy(loss)),
        }

    def _readings(self, sources: Iterable[Source]) -> Readings:
        logits = np.concatenate([outputs["logits"] for _, outputs in self._outputs(sources)])
        return read(logits, self.alphabet.longest, self.temperature)

    def evaluate(self, data: Any, *, split: str | None = None) -> dict[str, Any]:
        """Evaluates on labeled images.

        Args:
            data: A folder, see `hornbook.data.captchas.sources`, or rows.
            split: `"train"`, `"valid"` or `"test"`.  Defaults to the split `valid`, or the images
                held out in training if `data` is the training data, else `test`, else all.

        Returns:
            `whole` and `characters`, the shares of strings and characters read correctly, also by
            `sets`; `probability`, the mean probability of the true strings; and `confused`.
        """
        captchas = images_to_evaluate(data, self.seed, self.held_out, split)
        readings = self._readings([captcha.path for captcha in captchas])
        return captcha_metrics(captchas, readings, self.alphabet)

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(metrics)

    def predict_stream(self, samples: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """Reads images as they come, in order.

        Args:
            samples: Files, their contents, PIL images, uint8 pixels, or rows with an `image`.

        Yields:
            `file`, `text`, `confidence` of the text, `character_confidence` of each character, and
            `error`: None, or why the image cannot be read.  The answer to a row begins with its
            number, `row`, and its other texts and numbers.
        """
        names, sources = itertools.tee(images_to_predict(samples))
        for problems, outputs in self._outputs(sources):
            readings = read(outputs["logits"], self.alphabet.longest, self.temperature)
            strings, *confidences = readings.best()
            rows = zip(strings, *confidences, itertools.islice(names, len(strings)), strict=True)
            for number, (string, confidence, characters, source) in enumerate(rows):
                if number in problems:
                    yield _answer(source, error=problems[number])
                    continue
                text = "".join(self.alphabet.characters[one - 1] for one in string if one)
                yield _answer(source, text, float(confidence), characters[: len(text)].tolist())

    def predict_files(self, sources: Sequence[str | Path]) -> Iterator[dict[str, Any]]:
        """Reads images: files, all images in folders or in files of rows, or those named on
        standard input (`"-"`)."""
        yield from self.predict_stream(images_in(sources))

    def example(self, data: str | Path) -> list[str]:
        places = row_splits(data, PARQUET)
        return [str(data if places is None else file_to_try(places))]

    def exported(self) -> tuple[keras.Model, dict[str, str]]:
        """Returns the network and its metadata: see `examples/read_captcha_onnx.py`."""
        return self.model, {
            "characters": self.alphabet.characters,
            "slots": str(self.alphabet.longest),
        }


def _answer(
    source: Source,
    text: str | None = None,
    confidence: float | None = None,
    characters: Sequence[float] = (),
    error: str | None = None,
) -> dict[str, Any]:
    return {
        **named(source),
        "text": text,
        "confidence": None if confidence is None else round(confidence, 6),
        "character_confidence": [round(float(one), 6) for one in characters],
        "error": error,
    }
