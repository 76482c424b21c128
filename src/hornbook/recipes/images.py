"""Which of many similar classes is in a picture: fine-tuning what ImageNet taught a network.

The design is that of a dog-breed contest of 2017 (100 breeds, Xception): first the head learns on
features of the pretrained network as it is, then everything learns together, the layers near the
pixels more slowly.  Gated features, center loss and pseudo-labels are the contest's ideas; mixing,
erasing and averaged weights are what has been found since.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from hornbook.data.crops import VIEWS
from hornbook.data.picture_classes import (
    ClassSplit,
    read_picture_classes,
    read_to_evaluate,
)
from hornbook.data.pictures import find_pictures, named_pictures
from hornbook.errors import OptionError
from hornbook.recipes.images_judging import class_probabilities, network_outputs
from hornbook.recipes.images_report import (
    class_metrics,
    evaluation_page,
    metrics_table,
    write_report,
)
from hornbook.recipes.recipe import Recipe, option, read_saved

if TYPE_CHECKING:
    import keras

    from hornbook.data.pictures import Source
    from hornbook.models.picture_classifier import PictureClassifier
    from hornbook.recipes.images_judging import Outputs

PSEUDO_LABELS = "pseudo_labels.jsonl"


@dataclass(kw_only=True)
class Images(Recipe):
    """Tells classes of pictures apart.

    Example:
        images = Images(backbone="MobileNetV2").fit("flowers", out="runs/flowers")
        images.predict(["new.jpg"])  # [{"file": "new.jpg", "label": "iris", "probability": ...
    """

    name: ClassVar[str] = "images"
    purpose: ClassVar[str] = "tell similar classes of pictures apart, by fine-tuning"

    backbone: str = option("EfficientNetV2B0", "a keras.applications name, such as Xception")
    weights: str = option("imagenet", "it starts from: imagenet, none, or a file")
    alpha: float | None = option(None, "width of MobileNet and MobileNetV2", above=0)
    size: int = option(224, "pixels of a side", at_least=32, multiple_of=32)
    gated: bool = option(False, "let the features gate themselves (GLU)")
    center_loss: float = option(0.0, "weight of the center loss; 0: without", at_least=0)
    dropout: float = option(0.2, "share of the features dropped in training", at_least=0, below=1)
    head_epochs: int = option(
        30, "first stage: times the head alone sees the pretrained features", at_least=0
    )
    head_learning_rate: float = option(3e-3, "first stage: highest learning rate", above=0)
    epochs: int = option(10, "second stage: times through the training pictures", at_least=0)
    batch_size: int = option(32, "pictures a step", at_least=2)
    learning_rate: float | None = option(
        None, "second stage: highest rate; without it 3e-4, from random weights 1e-3", above=0
    )
    layer_decay: float = option(
        0.75, "factor on the rate from a tenth of the layers to the one below", above=0, at_most=1
    )
    progressive: bool = option(False, "begin with small pictures and end with full size")
    crop: float = option(0.5, "smallest share of its area to learn from", above=0, at_most=1)
    rand_augment: float = option(0.0, "strength of RandAugment; 0: without", at_least=0, at_most=1)
    erasing: float = option(
        0.0, "share of the pictures with a part made noise", at_least=0, at_most=1
    )
    mixing: str = option("none", "of two pictures", ("none", "mixup", "cutmix", "both"))
    label_smoothing: float = option(
        0.1, "what of a label is spread over all classes", at_least=0, below=1
    )
    class_weights: str = option(
        "none", "balanced: a mistake in a rare class costs more", ("none", "balanced")
    )
    ema: float = option(
        0.95, "how much of the weights' average stays at a step; 0: no average", at_least=0, below=1
    )
    patience: int = option(0, "epochs without a better one before it stops; 0: never", at_least=0)
    unlabelled: str | None = option(None, "folder of pictures for --teacher to label")
    teacher: str | None = option(None, "run that labels the pictures of --unlabelled")
    sure: float = option(
        0.9, "probability from which on the teacher's label is taken", above=0, at_most=1
    )
    held_out: float = option(
        0.2, "share set aside to check with, where there is no folder valid", above=0, below=1
    )
    seed: int = option(
        0, "of the weights, the split, the order and the changes", at_least=0, at_most=2**32 - 1
    )

    # what fitting finds out
    classes: list[str] = field(default_factory=list, init=False)
    learned_from: str = field(default="", init=False, repr=False)  # fingerprint of the pictures
    model: PictureClassifier = field(init=False, repr=False)
    others: list[Images] = field(default_factory=list, init=False, repr=False)  # of an ensemble

    def __post_init__(self):
        super().__post_init__()
        if (self.unlabelled is None) != (self.teacher is None):
            raise OptionError(
                "unlabelled and teacher belong together: train a run first, and let it label the "
                "pictures for the next one.\nSay  --unlabelled FOLDER --teacher RUN."
            )
        if self.weights == "none" and self.epochs == 0:
            raise OptionError("With random weights and no epochs nothing would be learned.")

    def fit(self, data: str | Path, out: str | Path, *, resume: bool = False) -> Self:
        """Trains on folders of pictures and keeps everything in the run folder `out`.

        Args:
            data: See `hornbook.data.picture_classes`.
            out: The run folder: new, or with `resume` the one to go on with.
            resume: Continue a run that was cut off.

        Raises:
            HornbookError: the data, a field, or the run folder is not as needed.
        """
        from hornbook import backend

        backend.announce()  # before Keras is imported, which fails without one
        import keras

        from hornbook.progress import note
        from hornbook.recipes.images_training import TwoStages
        from hornbook.training.loop import Loop
        from hornbook.training.run_folder import RunFolder

        found = read_picture_classes(data, seed=self.seed, share=self.held_out)
        note(found.summary())
        self.classes, self.learned_from = found.classes, found.train.fingerprint
        description = {
            "recipe": self.name,
            "fields": self.fields(),
            "data": {"train": found.train.fingerprint, "valid": found.valid.fingerprint},
        }
        # before there is a folder: weights or teacher may not be had
        keras.utils.set_random_seed(self.seed)
        self.model = self.build(self.weights)
        teacher = self._open_teacher()
        run = (RunFolder.resume if resume else RunFolder.create)(out, description)
        paths, labels = self._with_pseudo_labels(found.train, teacher, run.path / PSEUDO_LABELS)
        stages = TwoStages(self, paths, labels)

        loop = Loop(
            model=stages.training,
            batches=stages.batches,
            epochs=self.epochs,
            evaluate=lambda: class_metrics(
                found.valid.labels, self.probabilities(found.valid.paths), self.classes
            ),
            monitor="score",
            save=lambda: self.save(run.model),
            patience=self.patience,
            run=run,
            unit="pictures",
            snapshot_seconds=self.snapshot_seconds,
            workers=None,
        )
        if not (resume and loop.resume()) and self.weights != "none":
            stages.train_head()
            loop.begin(loop.evaluate())
        rows = loop.train()
        self._restore(run.model)  # the best epoch need not be the last
        write_report(run, self, rows, found)
        run.snapshots.clear()
        return self

    def build(self, weights: str | None = None) -> PictureClassifier:
        """The network; `weights` are those its backbone starts from."""
        from hornbook.models.picture_classifier import PictureClassifier

        return PictureClassifier(
            len(self.classes),
            backbone=self.backbone,
            weights=weights,
            alpha=self.alpha,
            gated=self.gated,
            dropout=self.dropout,
        )

    def _open_teacher(self) -> Images | None:
        if self.teacher is None:
            return None
        teacher = Images.load(self.teacher)
        if teacher.classes != self.classes:
            raise OptionError(f"The teacher {self.teacher} knows other classes than the data.")
        return teacher

    def _with_pseudo_labels(
        self, train: ClassSplit, teacher: Images | None, file: Path
    ) -> tuple[list[Path], np.ndarray]:
        """The training pictures, and those the teacher is sure of, which are kept in `file`."""
        if teacher is None or self.unlabelled is None:
            return train.paths, train.labels
        from hornbook.files import atomic_file
        from hornbook.progress import note

        if not file.is_file():
            pictures = find_pictures(self.unlabelled)
            with atomic_file(file, "w") as lines:
                for row in teacher.predict_stream(pictures, top=1, views=2):
                    if row["error"] is None and row["probability"] >= self.sure:
                        lines.write(json.dumps(row, ensure_ascii=False) + "\n")
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        note(f"Teacher     {len(rows):,} pictures labelled with at least {self.sure:.0%}")
        added = [self.classes.index(row["label"]) for row in rows]
        paths = [*train.paths, *(Path(row["file"]) for row in rows)]
        return paths, np.concatenate([train.labels, np.array(added, np.int64)])

    def outputs(self, sources: Iterable[Source], views: int, **progress: Any) -> Outputs:
        """All outputs of the network: see `network_outputs`."""
        return network_outputs(
            self.model.network,
            sources,
            size=self.size,
            views=views,
            rows=2 * self.batch_size,  # nothing is kept for gradients
            **progress,
        )

    def probabilities(self, sources: Sequence[Source], views: int = 1) -> np.ndarray:
        """Of each class, the mean over the views and over all runs of an ensemble.

        Args:
            sources: Pictures that can be read.
            views: Of each, 1, 2 or 10.

        Returns:
            `(pictures, classes)`.
        """
        found = [probabilities for _, probabilities in self._judged(sources, views)]
        return np.concatenate(found)

    def _judged(
        self, sources: Iterable[Source], views: int
    ) -> Iterator[tuple[dict[int, str], np.ndarray]]:
        """Problems and probabilities `(pictures, classes)` of some pictures at a time."""
        recipes = [self, *self.others]
        streams = itertools.tee(sources, len(recipes))
        judged = [
            class_probabilities(recipe.outputs(stream, views), views)
            for recipe, stream in zip(recipes, streams, strict=True)
        ]
        for found in zip(*judged, strict=True):
            yield found[0][0], np.mean([probabilities for _, probabilities in found], axis=0)

    def heat(self, sources: Sequence[Source], labels: np.ndarray) -> np.ndarray:
        """Where in each picture the network sees what speaks for a class (Grad-CAM).

        Args:
            sources: Pictures that can be read.
            labels: `(pictures,)`, numbers of classes.

        Returns:
            `(pictures, rows, columns)`, 0 to 1.
        """
        maps = np.concatenate([found["map"] for _, found in self.outputs(sources, 1)])
        return self.model.heat(maps, labels)

    def join(self, others: Sequence[Recipe]) -> None:
        """Lets other runs answer together with this one, with the mean of the probabilities.

        Raises:
            OptionError: one of them is no run of this recipe, or knows other classes.
        """
        for other in others:
            if not isinstance(other, Images) or other.classes != self.classes:
                raise OptionError(
                    "Runs answer together when all are of the recipe images and know the same "
                    "classes; these do not."
                )
            other.batch_size = self.batch_size  # they go through the pictures in step
            self.others.append(other)

    def evaluate(
        self, data: str | Path, *, views: int = 1, report: str | Path | None = None
    ) -> dict[str, Any]:
        """Measures on the folder `valid` of `data`; on the pictures set aside, if these are the
        pictures of the training; else on all.

        Args:
            data: See `hornbook.data.picture_classes`.
            views: Of each picture, whose answers are averaged: 1, 2 or 10.
            report: A page to write, with pictures of what is confused and looked at.

        Returns:
            `top1`, `top5`, `log_loss`, and `recall`, `precision` and `pictures` by class.
        """
        from hornbook.progress import note

        _check_views(views)
        split, problems = read_to_evaluate(
            data,
            self.classes,
            learned_from=self.learned_from,
            seed=self.seed,
            share=self.held_out,
        )
        if problems:
            note(f"Left out: {len(problems):,}\n  " + "\n  ".join(problems[:5]))
        probabilities = self.probabilities(split.paths, views)
        if report is not None:
            from hornbook.files import atomic_file

            with atomic_file(report, "w") as file:
                file.write(evaluation_page(self, split, probabilities, str(data)))
        return class_metrics(split.labels, probabilities, self.classes)

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(metrics)

    def predict(
        self, samples: Iterable[Source], *, top: int = 5, views: int = 1
    ) -> list[dict[str, Any]]:
        """What is in each picture, in order: see `predict_stream`."""
        return list(self.predict_stream(samples, top=top, views=views))

    def predict_stream(
        self, samples: Iterable[Source], *, top: int = 5, views: int = 1
    ) -> Iterator[dict[str, Any]]:
        """Judges pictures as they come, in order.

        Args:
            samples: Files, or what is in them.
            top: Classes named, the most probable first.
            views: Of each picture, whose answers are averaged: 1, 2 or 10.

        Yields:
            `file`, `label`, `probability`, `label_2`, `probability_2` and so on, and `error`,
            which is None, or says why a picture could not be read.
        """
        _check_views(views)
        if top < 1:
            raise OptionError(f"top is {top}, expected at least 1.")
        waiting, sources = itertools.tee(samples)
        for problems, probabilities in self._judged(sources, views):
            rows = zip(itertools.islice(waiting, len(probabilities)), probabilities, strict=True)
            for number, (source, row) in enumerate(rows):
                name = None if isinstance(source, bytes) else str(source)
                yield self._answer(name, row, min(top, len(self.classes)), problems.get(number))

    def _answer(
        self, file: str | None, probabilities: np.ndarray, top: int, error: str | None
    ) -> dict[str, Any]:
        answer: dict[str, Any] = {"file": file}
        for place, label in enumerate(np.argsort(-probabilities, kind="stable")[:top].tolist(), 1):
            behind = "" if place == 1 else f"_{place}"
            probability = round(float(probabilities[label]), 6)
            answer[f"label{behind}"] = None if error else self.classes[label]
            answer[f"probability{behind}"] = None if error else probability
        return {**answer, "error": error}

    def predict_files(
        self, sources: Sequence[str | Path], *, top: int = 5, views: int = 1
    ) -> Iterator[dict[str, Any]]:
        """Judges pictures, all of those in folders, or those whose names come from `"-"`."""
        yield from self.predict_stream(named_pictures(sources), top=top, views=views)

    def exported(self) -> tuple[keras.Model, dict[str, str]]:
        """From pictures `(batch, size, size, 3)` to probabilities; and what a reader must know."""
        import keras

        pictures = keras.Input((self.size, self.size, 3), name="pictures")
        logits = self.model.network(pictures)["logits"]
        probabilities = keras.layers.Softmax(name="probabilities")(logits)
        model = keras.Model(pictures, probabilities, name="picture_classifier")
        return model, {"classes": json.dumps(self.classes, ensure_ascii=False)}

    def save(self, folder: str | Path) -> None:
        """Writes weights, classes and fields, with their checksums."""
        from hornbook.files import atomic_folder, write_json
        from hornbook.models.functional_weights import write_functional

        with atomic_folder(folder) as temporary:
            write_functional(temporary, self.model.network)
            learned = {"classes": self.classes, "learned_from": self.learned_from}
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
        recipe.classes = saved["learned"]["classes"]
        recipe.learned_from = saved["learned"]["learned_from"]
        recipe.model = recipe.build()
        recipe._restore(folder)
        return recipe

    def _restore(self, folder: str | Path) -> None:
        """Takes the weights that `save` wrote into the model as it is built."""
        from hornbook.models.functional_weights import read_functional

        _, folder = read_saved(folder)
        read_functional(folder, self.model.network)


def _check_views(views: int) -> None:
    if views not in VIEWS:
        raise OptionError(f"views is {views}, expected one of {', '.join(map(str, VIEWS))}.")
