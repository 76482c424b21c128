"""Reads captchas, end to end: a picture in, its characters out, learned from labelled pictures.

The original (https://kexue.fm/archives/4503) put four softmaxes on a pretrained Xception and
learned from a hundred thousand pictures.  Here a small network of four convolutions is enough
for a processor and a few hundred pictures: they are changed a little each time they are seen,
and two heads on one trunk, a softmax for each character and CTC, must agree on a string.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from hornbook.data.captchas import (
    Alphabet,
    Captcha,
    find_alphabet,
    fingerprint,
    has_splits,
    read_captchas,
)
from hornbook.data.distortion import distorted, resized
from hornbook.data.picture_batches import picture_batch, random_of, shuffled_batches
from hornbook.data.pictures import Source, find_pictures, readable
from hornbook.data.pixels import Pixels
from hornbook.errors import DataError, OptionError
from hornbook.generation.reading import Readings, fit_temperature, read
from hornbook.recipes.captcha_report import captcha_metrics, metrics_table, write_report
from hornbook.recipes.recipe import Recipe, option, read_saved

if TYPE_CHECKING:
    import keras

SHOWN = 60_000  # pictures that a training sees, all epochs together, unless epochs are given
HEIGHTS = (48, 64)  # pixels that a picture is made high: small ones larger, large ones smaller
LARGEST_WIDTH = 320
STEP = 8  # sizes are multiples of it: three stages of the trunk halve them


@dataclass(kw_only=True)
class CaptchaReading(Recipe):
    """Reads the text of small pictures.

    Example:
        reader = CaptchaReading().fit("captchas", out="runs/captcha")
        reader.predict(["new.png"])  # [{"file": "new.png", "text": "7h2k", "confidence": 0.99, ...
    """

    name: ClassVar[str] = "captcha"
    purpose: ClassVar[str] = "read captchas of your own site, learned from labelled pictures"

    length: str = option("auto", "characters of every picture: a number, or auto")
    characters: str = option(
        "auto", "all that may occur: auto, a list such as 0123abc, or digits+lower+upper"
    )
    case: str = option("auto", "ignored: labels are taken in lower case", ("auto", "ignored"))
    size: str = option("auto", "WIDTHxHEIGHT that pictures are made, such as 160x64; or auto")
    backbone: str = option("compact", "compact, or a keras.applications name such as Xception")
    weights: str | None = option(
        None, "of such a backbone: imagenet (without saying), none, or a file"
    )
    epochs: int | None = option(
        None, f"times through the training pictures; without it, {SHOWN:,} pictures", at_least=1
    )
    batch_size: int = option(32, "pictures a step", at_least=1)
    learning_rate: float | None = option(
        None, "highest learning rate; without it 3e-3, 1e-3 with another backbone", above=0
    )
    distortion: float = option(
        1.0, "how much training pictures are changed; 0: not at all", at_least=0, at_most=3
    )
    dropout: float = option(0.2, "share of the features dropped in training", at_least=0, below=1)
    ema: float = option(
        0.99, "how much of the weights' average stays at a step; 0: no average", at_least=0, below=1
    )
    patience: int = option(0, "epochs without a better one before it stops; 0: never", at_least=0)
    seed: int = option(
        0, "of the weights, the order and the changes", at_least=0, at_most=2**32 - 1
    )

    # what fitting finds out
    alphabet: Alphabet = field(init=False, repr=False)
    picture_size: tuple[int, int] = field(init=False, repr=False)
    temperature: float = field(default=1.0, init=False, repr=False)
    held_out: str = field(default="", init=False, repr=False)  # which pictures were set aside
    model: keras.Model = field(init=False, repr=False)

    def __post_init__(self):
        if type(self.length) is int:
            self.length = str(self.length)
        super().__post_init__()
        if self.length != "auto" and not (self.length.isdecimal() and 0 < int(self.length) < 65):
            raise OptionError(f"length is {self.length!r}, expected auto or a number up to 64.")
        if self.size != "auto":
            _parse_size(self.size)

    def fit(self, data: str | Path, out: str | Path, *, resume: bool = False) -> Self:
        """Trains on a folder of labelled pictures and keeps everything in the run folder `out`.

        Args:
            data: See `hornbook.data.captchas`.
            out: The run folder: new, or with `resume` the one to go on with.
            resume: Continue a run that was cut off.

        Raises:
            HornbookError: the data, a field, or the run folder is not as needed.
        """
        from hornbook import backend

        backend.announce()  # before Keras is imported, which fails without one
        import keras

        from hornbook.progress import note
        from hornbook.training.loop import Loop
        from hornbook.training.run_folder import RunFolder

        train, valid, sizes = self._pictures(data)
        self.alphabet = find_alphabet(
            [*train, *valid], length=self.length, characters=self.characters, case=self.case
        )
        self.picture_size = picture_size(sizes, self.size)
        note(self._summary(train, valid, sizes))
        description = {
            "recipe": self.name,
            "fields": self.fields(),
            "data": {"train": fingerprint(train), "valid": fingerprint(valid)},
        }
        self.held_out = fingerprint(read_captchas(data, "valid", seed=self.seed))
        keras.utils.set_random_seed(self.seed)
        self.model = self.build(self.weights)  # may find no weights, so before anything is written
        run = (RunFolder.resume if resume else RunFolder.create)(out, description)
        epochs = self.epochs or max(3, round(SHOWN / len(train)))
        pixels = Pixels([captcha.path for captcha in train], self._prepared)
        labels = self._numbers(train)
        self._compile(epochs * -(-len(train) // self.batch_size))
        held_out = [captcha.path for captcha in valid]

        def evaluate() -> dict[str, Any]:
            return captcha_metrics(valid, self._readings(held_out), self.alphabet)

        loop = Loop(
            model=self.model,
            batches=lambda epoch: self._batches(train, pixels, labels, epoch),
            epochs=epochs,
            evaluate=evaluate,
            monitor="probability",
            save=lambda: self.save(run.model),
            patience=self.patience,
            run=run,
            unit="pictures",
            snapshot_seconds=self.snapshot_seconds,
            workers=None,  # changing a picture takes about a fifth of what learning from it does
        )
        if resume:
            loop.resume()
        rows = loop.train()
        self._restore(run.model)  # the best epoch need not be the last
        logits = np.concatenate([logits for _, logits in self._logits(held_out)])
        self.temperature = fit_temperature(logits, self.alphabet.longest, self._numbers(valid))
        self.save(run.model)
        readings = read(logits, self.alphabet.longest, self.temperature)
        write_report(run, self.fields(), rows, valid, readings, self.alphabet, self.picture_size)
        run.snapshots.clear()
        return self

    def _pictures(self, data: str | Path) -> tuple[list[Captcha], list[Captcha], list]:
        """The readable pictures of both splits, and the sizes of those to learn from."""
        from hornbook.progress import note

        splits = [read_captchas(data, split, seed=self.seed) for split in ("train", "valid")]
        found = readable(captcha.path for split in splits for captcha in split)
        if found.problems:
            note(found.summary())
        found.raise_if_none(str(data))
        train, valid = ([one for one in split if one.path in found.sizes] for split in splits)
        if not train or not valid:
            raise DataError(f"{data}: too few of the pictures can be read to learn from them.")
        return train, valid, [found.sizes[captcha.path] for captcha in train]

    def _summary(self, train: Sequence[Captcha], valid: Sequence[Captcha], sizes: list) -> str:
        """What was found out about the data, for the person to check."""
        alphabet = self.alphabet
        kinds = sorted(set(sizes))
        pixels = f"{len(kinds)} different sizes"
        if len(kinds) == 1:
            pixels = "{} x {}".format(*kinds[0])
        sets = sorted({captcha.set_name for captcha in train} - {""})
        seen = set("".join(alphabet.text(captcha.label) for captcha in train))
        unseen = "".join(sorted(set(alphabet.characters) - seen))
        lines = [
            f"Pictures    {len(train):,} to learn from, {len(valid):,} to check with",
            f"Characters  {len(alphabet.characters)}: {alphabet.characters}",
            f"Case        {alphabet.case}",
            f"Length      {alphabet.length}",
            f"Size        {pixels}, read as {self.picture_size[0]} x {self.picture_size[1]}",
            *([f"Sets        {', '.join(sets)}"] if sets else []),
            *([f"Never seen  {unseen}: no picture to learn from has it"] if unseen else []),
        ]
        return "\n".join(lines)

    def build(self, weights: str | None = "none") -> keras.Model:
        """The network; `weights` are those a backbone of `keras.applications` starts from."""
        from hornbook.models.captcha_reader import captcha_reader

        return captcha_reader(
            self.picture_size,
            len(self.alphabet.characters),
            self.alphabet.longest,
            backbone=self.backbone,
            weights=weights or "imagenet",
            dropout=self.dropout,
        )

    def _compile(self, steps: int) -> None:
        from hornbook.models.captcha_reader import ReadingLoss
        from hornbook.training.optimizer import adamw

        rate = self.learning_rate or (3e-3 if self.backbone == "compact" else 1e-3)
        optimizer = adamw(self.model, steps=steps, learning_rate=rate, ema=self.ema)
        self.model.compile(optimizer, ReadingLoss(self.alphabet.longest, label_smoothing=0.05))

    def _prepared(self, picture, random=None) -> np.ndarray:
        """What the network reads of a picture; the same for training and prediction."""
        return resized(picture, self.picture_size)

    def _numbers(self, captchas: Sequence[Captcha]) -> np.ndarray:
        """The labels as numbers from 1, zeros behind: `(captchas, longest)`."""
        numbers = np.zeros((len(captchas), self.alphabet.longest), np.int32)
        for row, captcha in zip(numbers, captchas, strict=True):
            text = self.alphabet.text(captcha.label)
            row[: len(text)] = [1 + self.alphabet.characters.index(one) for one in text]
        return numbers

    def _batches(self, captchas, pixels: Pixels, labels: np.ndarray, epoch: int) -> list[Any]:
        """The batches of an epoch: a pure function of the seed and the epoch."""
        from hornbook.training.loop import Batch

        def batch(numbers: np.ndarray) -> Batch:
            def arrays():
                # one shape for all: what fills up the last batch weighs nothing
                rows = np.resize(numbers, self.batch_size)
                pictures = [
                    distorted(pixels[row], random_of(self.seed, epoch, row), self.distortion)
                    for row in rows.tolist()
                ]
                weights = (np.arange(self.batch_size) < len(numbers)).astype(np.float32)
                return np.stack(pictures), labels[rows], weights

            def where():
                return [str(captchas[number].path) for number in numbers]

            return Batch(size=len(numbers), arrays=arrays, where=where)

        order = shuffled_batches(len(captchas), self.batch_size, seed=self.seed, epoch=epoch)
        return [batch(numbers) for numbers in order]

    def _logits(self, sources: Iterable[Source]) -> Iterator[tuple[dict[int, str], np.ndarray]]:
        """Problems and logits of the pictures, some hundred at a time, decoded ahead."""
        from hornbook.data.ahead import in_order

        rows = 4 * self.batch_size  # nothing is kept for gradients
        stream = iter(sources)
        chunks = iter(lambda: list(itertools.islice(stream, rows)), [])

        def pictures(chunk: list[Source]):
            return picture_batch(chunk, np.arange(len(chunk)), self._prepared)

        for batch in in_order(pictures, chunks):
            if len(batch.problems) == len(batch.numbers):
                filled = np.zeros((1, *self.model.input.shape[1:]), np.uint8)
            else:
                filled = batch.pictures
            # a compiled backend compiles once a shape: full batches have one, single ones another
            padded = np.resize(filled, (rows if len(filled) > 1 else 1, *filled.shape[1:]))
            logits = self.model.predict_on_batch(padded)
            yield batch.problems, np.resize(logits, (len(batch.numbers), *logits.shape[1:]))

    def _readings(self, sources: Iterable[Source]) -> Readings:
        logits = np.concatenate([logits for _, logits in self._logits(sources)])
        return read(logits, self.alphabet.longest, self.temperature)

    def evaluate(self, data: str | Path) -> dict[str, Any]:
        """Measures on the folder `valid` of `data`; on the pictures set aside, if these are the
        pictures of the training; else on all.

        Returns:
            `whole` and `characters`, the shares of strings and characters read rightly, also by
            `sets`; `probability`, which the true strings got on average; and `confused`.
        """
        captchas = self._to_evaluate(data)
        return captcha_metrics(
            captchas, self._readings([one.path for one in captchas]), self.alphabet
        )

    def _to_evaluate(self, data: str | Path) -> list[Captcha]:
        """The labelled pictures to measure on: never those that were learned from."""
        from hornbook.progress import note

        captchas = read_captchas(data, "valid", seed=self.seed)
        if fingerprint(captchas) != self.held_out and not has_splits(data):
            captchas = read_captchas(data)  # other pictures than those of the training: all
        found = readable(captcha.path for captcha in captchas)
        if found.problems:
            note(found.summary())
        found.raise_if_none(str(data))
        return [captcha for captcha in captchas if captcha.path in found.sizes]

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(metrics)

    def predict(self, samples: Iterable[Source]) -> list[dict[str, Any]]:
        """What each picture says, in order: see `predict_stream`."""
        return list(self.predict_stream(samples))

    def predict_stream(self, samples: Iterable[Source]) -> Iterator[dict[str, Any]]:
        """Reads pictures as they come, in order.

        Args:
            samples: Files, or what is in them.

        Yields:
            `file`, `text`, `confidence` of the whole, `character_confidence` of each character,
            and `error`, which is None, or says why a picture could not be read.
        """
        waiting, sources = itertools.tee(samples)
        for problems, logits in self._logits(sources):
            strings, whole, each = read(logits, self.alphabet.longest, self.temperature).best()
            rows = zip(strings, whole, each, itertools.islice(waiting, len(strings)), strict=True)
            for number, (string, confidence, characters, source) in enumerate(rows):
                name = None if isinstance(source, bytes) else str(source)
                if number in problems:
                    yield _answer(name, error=problems[number])
                    continue
                text = "".join(self.alphabet.characters[one - 1] for one in string if one)
                yield _answer(name, text, float(confidence), characters[: len(text)].tolist())

    def predict_files(self, sources: Sequence[str | Path]) -> Iterator[dict[str, Any]]:
        """Reads pictures, all of those in folders, or those whose names come from `"-"`."""
        yield from self.predict_stream(_files(sources))

    def exported(self) -> tuple[keras.Model, dict[str, str]]:
        """The network, and what reads with it must know: see `examples/read_captcha_onnx.py`."""
        return self.model, {
            "characters": self.alphabet.characters,
            "slots": str(self.alphabet.longest),
        }

    def save(self, folder: str | Path) -> None:
        """Writes weights, alphabet and fields, with their checksums."""
        from hornbook.files import atomic_folder, write_json
        from hornbook.models.functional_weights import write_functional

        with atomic_folder(folder) as temporary:
            write_functional(temporary, self.model)
            learned = {
                "alphabet": dataclasses.asdict(self.alphabet),
                "picture_size": list(self.picture_size),
                "temperature": self.temperature,
                "held_out": self.held_out,
            }
            saved = {"recipe": self.name, "fields": self.fields(), "learned": learned}
            write_json(temporary / "recipe.json", saved)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Opens a run folder, or what `save` wrote.

        Raises:
            HornbookError: it is no such folder, or something in it is damaged.
        """
        from hornbook import backend

        backend.announce()
        saved, folder = read_saved(folder)
        recipe = cls.from_fields(saved["fields"])
        recipe.alphabet = Alphabet(**saved["learned"]["alphabet"])
        recipe.picture_size = tuple(saved["learned"]["picture_size"])
        recipe.held_out = saved["learned"]["held_out"]
        recipe.model = recipe.build()
        recipe._restore(folder)
        return recipe

    def _restore(self, folder: str | Path) -> None:
        """Takes the weights and the temperature that `save` wrote into the model as it is built."""
        from hornbook.models.functional_weights import read_functional

        saved, folder = read_saved(folder)
        read_functional(folder, self.model)
        self.temperature = saved["learned"]["temperature"]


def picture_size(sizes: Sequence[tuple[int, int]], wanted: str = "auto") -> tuple[int, int]:
    """The `(width, height)` that pictures are made: near their own, a multiple of 8.

    Args:
        sizes: Of the pictures, of which the middle one counts.
        wanted: `"auto"`, or `"160x64"`.
    """
    if wanted != "auto":
        return _parse_size(wanted)
    width, height = (int(np.median([size[side] for size in sizes])) for side in (0, 1))
    factor = min(max(height, HEIGHTS[0]), HEIGHTS[1]) / height
    factor = min(factor, LARGEST_WIDTH / width)
    width, height = (max(2 * STEP, round(side * factor / STEP) * STEP) for side in (width, height))
    return width, height


def _parse_size(size: str) -> tuple[int, int]:
    width, _, height = size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise OptionError(f"size is {size!r}, expected WIDTHxHEIGHT such as 160x64, or auto.")
    if not all(16 <= int(side) <= 1024 for side in (width, height)):
        raise OptionError(f"size is {size}: each side must be from 16 to 1024.")
    return int(width), int(height)


def _answer(
    file: str | None,
    text: str | None = None,
    confidence: float | None = None,
    characters: Sequence[float] = (),
    error: str | None = None,
) -> dict[str, Any]:
    return {
        "file": file,
        "text": text,
        "confidence": None if confidence is None else round(confidence, 6),
        "character_confidence": [round(float(one), 6) for one in characters],
        "error": error,
    }


def _files(sources: Sequence[str | Path]) -> Iterator[Path]:
    """Every picture that is named: files, folders, and lines of standard input."""
    for source in sources:
        if str(source) == "-":
            yield from (Path(line.rstrip("\r\n")) for line in sys.stdin if line.strip())
        elif Path(source).is_dir():
            yield from find_pictures(source)
        else:
            yield Path(source)
