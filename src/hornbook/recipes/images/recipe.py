"""Classifies images into many similar classes, by fine-tuning a network pretrained on ImageNet.

The design is that of a dog breed contest of 2017 (100 breeds, Xception): first the head is trained
on features of the frozen backbone, then all layers, with lower learning rates near the input.
Gated features, center loss and pseudo-labels are from the contest; mixing, erasing and averaged
weights were added.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hornbook import backend
from hornbook.data.images.class_folders import find_class_folders
from hornbook.data.images.classes import read_image_classes
from hornbook.data.images.crops import fixed_views
from hornbook.data.images.held_out import read_to_evaluate
from hornbook.data.images.rows.image_rows import (
    file_to_try,
    images_in,
    images_to_predict,
    row_splits,
)
from hornbook.data.readers.in_memory_rows import IN_MEMORY, is_in_memory
from hornbook.errors import OptionError
from hornbook.recipes.fields import learned, option
from hornbook.recipes.images.answers import answers, check_views, predictions
from hornbook.recipes.images.report import (
    class_metrics,
    evaluation_page,
    metrics_table,
    write_report,
)
from hornbook.recipes.recipe import Recipe
from hornbook.recipes.training_options import (
    dropout_option,
    ema_option,
    patience_option,
    seed_option,
)

if TYPE_CHECKING:
    import keras

    from hornbook.data.images.decoding import Source
    from hornbook.models.vision.image_classifier import ImageClassifier
    from hornbook.training.images.outputs import Outputs


@dataclass(kw_only=True)
class Images(Recipe):
    """Classifies images.

    Example:
        images = Images(backbone="MobileNetV2").fit("flowers", out="runs/flowers")
        images.predict(["new.jpg"])  # [{"file": "new.jpg", "label": "iris", "probability": ...
        rows = [{"image": pixels, "label": "iris"}, ...]  # or a table, or a dataset
        images = Images(backbone="MobileNetV2").fit(rows, out="runs/flowers")
    """

    name: ClassVar[str] = "images"
    purpose: ClassVar[str] = "classify images, by fine-tuning"
    takes_rows: ClassVar[bool] = True
    answers_have_errors: ClassVar[bool] = True

    backbone: str = option("EfficientNetV2B0", "a keras.applications name, such as Xception")
    weights: str = option("imagenet", "weights to start from: imagenet, none, or a file")
    alpha: float | None = option(None, "width multiplier of MobileNet and MobileNetV2", above=0)
    size: int = option(224, "image size in pixels", at_least=32, multiple_of=32)
    gated: bool = option(True, "gate the features (GLU)")
    center_loss: float = option(0.0, "weight of the center loss; 0 disables it", at_least=0)
    dropout: float = dropout_option()
    head_epochs: int = option(30, "first stage: number of epochs of the head alone", at_least=0)
    head_learning_rate: float = option(3e-3, "first stage: peak learning rate", above=0)
    epochs: int = option(10, "second stage: number of epochs", at_least=0)
    batch_size: int = option(32, "images per step", at_least=2)
    learning_rate: float = option(1e-3, "second stage: peak learning rate", above=0)
    layer_decay: float = option(
        0.9,
        "factor on the learning rate from a tenth of the layers to the next",
        above=0,
        at_most=1,
    )
    progressive: bool = option(False, "progressive resizing: start with small images")
    crop: float = option(0.5, "minimum area of a random crop", above=0, at_most=1)
    rand_augment: float = option(
        0.0, "strength of RandAugment; 0 disables it", at_least=0, at_most=1
    )
    erasing: float = option(0.0, "probability of random erasing", at_least=0, at_most=1)
    mixing: str = option("none", "mixing of two images", ("none", "mixup", "cutmix", "both"))
    label_smoothing: float = option(0.1, "label smoothing", at_least=0, below=1)
    class_weights: str = option(
        "none", "balanced: weight classes by their inverse frequency", ("none", "balanced")
    )
    ema: float = ema_option(0.95)
    patience: int = patience_option()
    unlabeled: str | None = option(
        None, "folder of images for --teacher-run to label", old_name="unlabelled"
    )
    teacher_run: str | None = option(
        None, "trained run that labels the images of --unlabeled", old_name="teacher"
    )
    min_confidence: float = option(
        0.9, "minimum probability of a pseudo-label", old_name="sure", above=0, at_most=1
    )
    held_out: float = option(
        0.2, "share held out for validation, if there is no folder valid", above=0, below=1
    )
    seed: int = seed_option("weights, split, order and augmentation")

    classes: list[str] = learned(list)
    learned_from: str = learned(str, shown=False)  # fingerprint of the images
    others: list[Images] = field(default_factory=list, init=False, repr=False)  # of an ensemble

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.unlabeled is None) != (self.teacher_run is None):
            raise OptionError(
                "unlabeled and teacher_run must be used together: train a run first, then let it "
                "label images for the next one.\nUse  --unlabeled FOLDER --teacher-run RUN."
            )
        if self.weights == "none" and self.epochs == 0:
            raise OptionError("With random weights and no epochs there is nothing to train.")

    def idle_options(self) -> set[str]:
        idle = set()
        if self.weights == "none":  # no pretrained features for a first stage
            idle |= {"head_epochs", "head_learning_rate", "layer_decay"}
        if self.teacher_run is None:
            idle |= {"unlabeled", "teacher_run", "min_confidence"}
        if self.alpha is None:
            idle.add("alpha")
        return idle

    def _fit(self, data: Any, out: str | Path, *, resume: bool) -> None:
        """Trains on images in folders or rows: see `hornbook.data.images.classes`, and
        `Recipe.fit`."""
        from hornbook.progress import note
        from hornbook.recipes.images.pseudo_labels import open_teacher, with_pseudo_labels
        from hornbook.recipes.images.stages import TwoStages

        dataset = read_image_classes(data, seed=self.seed, share=self.held_out)
        note(dataset.summary())
        self.classes, self.learned_from = dataset.classes, dataset.train.fingerprint
        backend.set_random_seed(self.seed)
        self.model = self.build(self.weights)
        teacher = open_teacher(self)
        fingerprints = {"train": dataset.train.fingerprint, "valid": dataset.valid.fingerprint}
        run = self.open_run(out, fingerprints, resume=resume)
        stages = TwoStages(self, *with_pseudo_labels(self, dataset.train, teacher, run.path))

        def evaluate() -> dict[str, Any]:
            probabilities = self.probabilities(dataset.valid.paths)
            return class_metrics(dataset.valid.labels, probabilities, self.classes)

        rows = self.train(
            run,
            resume=resume,
            first=None if self.weights == "none" else stages.train_head,
            model=stages.training,
            batches=stages.batches,
            epochs=self.epochs,
            patience=self.patience,
            evaluate=evaluate,
            monitor="score",
            unit="images",
            workers=None,
        )
        write_report(run, self, rows, dataset)
        run.snapshots.clear()

    def build(self, weights: str | None = None) -> ImageClassifier:
        """Builds the network, with `weights` for its backbone."""
        from hornbook.models.vision.image_classifier import ImageClassifier

        return ImageClassifier(
            len(self.classes),
            backbone=self.backbone,
            weights=weights,
            alpha=self.alpha,
            gated=self.gated,
            dropout=self.dropout,
        )

    @property
    def network(self) -> keras.Model:
        return self.model.network

    def outputs(self, sources: Iterable[Source], views: int, **progress: Any) -> Outputs:
        """Yields all outputs of the network for `views` of each image: see `image_outputs`."""
        from hornbook.training.images.outputs import image_outputs

        size = self.size
        return image_outputs(
            self.network,
            sources,
            lambda image, random: fixed_views(image, size=size, views=views),
            shape=(views, size, size, 3),
            rows=2 * self.batch_size,  # no memory is needed for gradients
            near=(2 * size, 2 * size),
            **progress,
        )

    def probabilities(self, sources: Sequence[Source], views: int = 1) -> np.ndarray:
        """Returns the probabilities of the classes, averaged over views and runs of an ensemble.

        Args:
            sources: Readable images.
            views: Views per image: 1, 2 or 10.

        Returns:
            `(images, classes)`.
        """
        recipes = [self, *self.others]
        return np.concatenate([rows for _, rows in predictions(recipes, sources, views)])

    def heat(self, sources: Sequence[Source], labels: np.ndarray) -> np.ndarray:
        """Returns which parts of each image are evidence for a class (Grad-CAM).

        Args:
            sources: Readable images.
            labels: `(images,)`, class indices.

        Returns:
            `(images, rows, columns)`, 0 to 1.
        """
        maps = np.concatenate([outputs["map"] for _, outputs in self.outputs(sources, 1)])
        return np.asarray(self.model.heat(maps, labels))

    def join(self, others: Sequence[Recipe]) -> None:
        """Makes this run and others an ensemble, which averages their probabilities.

        Raises:
            OptionError: one of them is not a run of this recipe, or has other classes.
        """
        for other in others:
            if not isinstance(other, Images) or other.classes != self.classes:
                raise OptionError("An ensemble needs images runs with the same classes.")
            other.batch_size = self.batch_size  # all runs read the same batches
            self.others.append(other)

    def evaluate(
        self,
        data: Any,
        *,
        split: str | None = None,
        views: int = 1,
        report: str | Path | None = None,
    ) -> dict[str, Any]:
        """Evaluates on a folder of images, or on rows.

        Args:
            data: See `hornbook.data.images.classes`.
            split: `"train"`, `"valid"` or `"test"`.  Defaults to the split `valid`, or the images
                held out in training if `data` is the training data, else `test`, else all.
            views: Views per image, which are averaged: 1, 2 or 10.
            report: File for an HTML page with confusions and Grad-CAM images.

        Returns:
            `top1`, `top5`, `log_loss`, and `recall`, `precision` and `images` by class.
        """
        from hornbook.progress import note

        check_views(views)
        images, problems = read_to_evaluate(
            data,
            self.classes,
            learned_from=self.learned_from,
            seed=self.seed,
            share=self.held_out,
            split=split,
        )
        if problems:
            note(f"Left out: {len(problems):,}\n  " + "\n  ".join(problems[:5]))
        probabilities = self.probabilities(images.paths, views)
        if report is not None:
            from hornbook.files import atomic_file

            with atomic_file(report, "w") as file:
                title = IN_MEMORY if is_in_memory(data) else str(data)
                file.write(evaluation_page(self, images, probabilities, title))
        return class_metrics(images.labels, probabilities, self.classes)

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(metrics)

    def predict_stream(
        self, samples: Iterable[Any], *, top: int = 5, views: int = 1
    ) -> Iterator[dict[str, Any]]:
        """Classifies images as they come, in order.

        Args:
            samples: Files, their contents, PIL images, uint8 pixels, or rows with an `image`.
            top: Number of classes per image, the most probable first.
            views: Views per image, which are averaged: 1, 2 or 10.

        Yields:
            `file`, `label`, `probability`, `label_2`, `probability_2` and so on, and `error`: None,
            or why the image cannot be read.  The answer to a row begins with its number, `row`, and
            its other texts and numbers.
        """
        check_views(views)
        if top < 1:
            raise OptionError(f"top is {top}, expected at least 1.")
        sources = images_to_predict(samples)
        yield from answers([self, *self.others], sources, top=top, views=views)

    def example(self, data: str | Path) -> list[str]:
        if (places := row_splits(data)) is not None:
            return [str(file_to_try(places))]
        splits = find_class_folders(data).splits
        return [str(splits.get("test") or splits.get("valid") or data)]

    def predict_files(
        self, sources: Sequence[str | Path], *, top: int = 5, views: int = 1
    ) -> Iterator[dict[str, Any]]:
        """Classifies images: files, all images in folders or in files of rows, or those named on
        standard input."""
        yield from self.predict_stream(images_in(sources), top=top, views=views)

    def exported(self) -> tuple[keras.Model, dict[str, str]]:
        """Returns a model from images `(batch, size, size, 3)` to probabilities, and metadata."""
        import keras

        images = keras.Input((self.size, self.size, 3), name="images")
        logits = self.network(images)["logits"]
        probabilities = keras.layers.Softmax(name="probabilities")(logits)
        model = keras.Model(images, probabilities, name="image_classifier")
        return model, {"classes": json.dumps(self.classes, ensure_ascii=False)}
