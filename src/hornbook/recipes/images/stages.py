"""The two stages of training an image classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbook.data.images.crops import random_crop
from hornbook.data.images.decoded_batches import image_batch, shuffled_batches
from hornbook.data.images.rows.row_image import ImageFile
from hornbook.errors import DataError
from hornbook.layers.center_loss import CenterLoss
from hornbook.models.vision.backbones import backbone_rates
from hornbook.progress import Progress
from hornbook.training.images.training_step import ClassificationObjective, augmentations
from hornbook.training.loop import Batch
from hornbook.training.optimizer import adamw

HEAD_VIEWS = 2  # per image, for the head alone: the center crop, and its mirror image
SIZES = (0.6, 0.8, 1.0)  # of the full size, in the thirds of progressive resizing
STEP = 32  # every backbone halves its images five times


class TwoStages:
    """Trains the head alone, then all layers.

    Args:
        recipe: The `Images`, with its model built.
        paths: The training images, or images of rows.
        labels: Their class indices, `(images,)`.

    Attributes:
        training: The compiled model of the second stage, for the training loop.
    """

    def __init__(self, recipe: Any, paths: Sequence[ImageFile], labels: np.ndarray):
        self.recipe = recipe
        self.paths = paths
        self.labels = labels
        self.targets = np.eye(len(recipe.classes), dtype="float32")[labels]
        self.centers: Any = None
        if recipe.center_loss:  # both stages train the same centers
            self.centers = CenterLoss(len(recipe.classes))
            self.centers.build((None, recipe.model.feature_size))
        changes = augmentations(
            rand_augment=recipe.rand_augment,
            erasing=recipe.erasing,
            mixing=recipe.mixing,
            seed=recipe.seed,
        )
        self.training = self._classifying(recipe.model.network, changes)
        self.training.compile(
            adamw(
                self.training,
                steps=recipe.epochs * len(self.batches(0)),
                learning_rate=recipe.learning_rate,
                ema=recipe.ema,
                rates=None
                if recipe.weights == "none"
                else backbone_rates(recipe.model.backbone, recipe.layer_decay),
            )
        )

    def train_head(self) -> None:
        """Runs the first stage, on features of the pretrained network that are computed once."""
        recipe, views = self.recipe, HEAD_VIEWS
        outputs = recipe.outputs(self.paths, views, description="features", total=len(self.paths))
        pooled = np.concatenate([arrays["pooled"] for _, arrays in outputs])
        targets = np.repeat(self.targets, views, axis=0)
        size = min(recipe.batch_size * views, len(pooled))
        steps = recipe.head_epochs * (len(pooled) // size)
        training = self._classifying(recipe.model.head, [])
        rate = recipe.head_learning_rate
        training.compile(adamw(training, steps=steps, learning_rate=rate, ema=0))
        with Progress("head", total=steps, unit="steps") as bar:
            for epoch in range(recipe.head_epochs):
                for rows in shuffled_batches(len(pooled), size, seed=recipe.seed, epoch=epoch):
                    if len(rows) == size:  # one shape; the rest is used in another epoch
                        batch = {"images": pooled[rows], "targets": targets[rows]}
                        bar.advance(1, loss=float(training.train_on_batch(batch)))

    def batches(self, epoch: int) -> list[Batch]:
        """Returns the batches of an epoch, all full: a pure function of the seed and the epoch."""
        recipe = self.recipe
        size = min(recipe.batch_size, len(self.paths))
        pixels = self.size_of(epoch)
        if epoch and pixels != self.size_of(epoch - 1):
            # otherwise TensorFlow compiles for any size, which not all layers support
            self.training.make_train_function(force=True)

        def crop(image: Any, random: np.random.Generator) -> np.ndarray:
            return random_crop(image, random, size=pixels, smallest=recipe.crop)

        def batch(numbers: np.ndarray) -> Batch:
            def arrays() -> tuple[dict[str, np.ndarray], None, None]:
                near = (2 * pixels, 2 * pixels)
                crops = image_batch(
                    self.paths, numbers, crop, seed=recipe.seed, epoch=epoch, near=near
                )
                if crops.problems:
                    raise DataError(
                        "\n".join(["Images changed during training:", *crops.problems.values()])
                    )
                return {"images": crops.images, "targets": self.targets[numbers]}, None, None

            return Batch(
                size=size, arrays=arrays, where=lambda: [str(self.paths[n]) for n in numbers]
            )

        batches = shuffled_batches(len(self.paths), size, seed=recipe.seed, epoch=epoch)
        return [batch(numbers) for numbers in batches if len(numbers) == size]

    def size_of(self, epoch: int) -> int:
        """Returns the image size of an epoch."""
        recipe = self.recipe
        if not recipe.progressive:
            return int(recipe.size)
        third = min(len(SIZES) * epoch // max(recipe.epochs, 1), len(SIZES) - 1)
        return int(max(round(SIZES[third] * recipe.size / STEP) * STEP, STEP))

    def _classifying(self, network: Any, changes: list[Any]) -> ClassificationObjective:
        recipe = self.recipe
        weights = np.ones(len(recipe.classes))
        if recipe.class_weights == "balanced":
            counts = np.bincount(self.labels, minlength=len(recipe.classes))
            weights = len(self.labels) / (len(recipe.classes) * counts)
        return ClassificationObjective(
            network,
            augmentations=changes,
            class_weights=weights.tolist(),
            label_smoothing=recipe.label_smoothing,
            center_loss=None if self.centers is None else (self.centers, recipe.center_loss),
        )
