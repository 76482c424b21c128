"""One training step of an image classifier: augmentation, mixing and losses, compiled together.

The random states of Keras's augmentation layers are variables of the model, so they are part of a
snapshot, and a resumed run mixes the same images as an uninterrupted one.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from hornbook.layers.center_loss import CenterLoss

MIXING = ("none", "mixup", "cutmix", "both")


class ClassificationObjective(keras.Model):
    """A classifier with its augmentation and losses; `train_on_batch` takes no labels.

    Args:
        network: Model from images to a dictionary of `features` and `logits`.
        augmentations: Keras layers that take `images` and `labels`; only used in training.
        class_weights: `(classes,)`, weights of the losses of each class.
        label_smoothing: Share of each label that is spread over all classes.
        center_loss: A layer and the weight of its loss.  Defaults to no center loss.

    Call arguments:
        inputs: `images`, any input of the network, and `targets`, `(batch, classes)`.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        augmentations: Sequence[keras.layers.Layer] = (),
        class_weights: Sequence[float],
        label_smoothing: float = 0.0,
        center_loss: tuple[CenterLoss, float] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.network = network
        self.augmentations = list(augmentations)
        self.class_weights = tuple(map(float, class_weights))
        self.label_smoothing = label_smoothing
        self.centers: CenterLoss | None = None
        self.center_weight = 0.0
        if center_loss is not None:
            self.centers, self.center_weight = center_loss

    def build(self, input_shape: Any = None) -> None:
        # the network and the centers are built already, and the other layers have no weights
        for layer in self.augmentations:
            layer.build(input_shape and input_shape["images"])

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> Any:
        data = {"images": inputs["images"], "labels": ops.cast(inputs["targets"], "float32")}
        if training:
            for layer in self.augmentations:
                data = layer(data, training=True)
        outputs = self.network(data["images"], training=training)
        targets = ops.cast(data["labels"], "float32")
        losses = keras.losses.categorical_crossentropy(
            targets, outputs["logits"], from_logits=True, label_smoothing=self.label_smoothing
        )
        losses = losses * ops.matmul(targets, ops.convert_to_tensor(self.class_weights, "float32"))
        if self.centers is not None:
            losses = losses + self.center_weight * self.centers(outputs["features"], targets)
        self.add_loss(ops.mean(losses))
        return outputs["logits"]


def augmentations(
    *, rand_augment: float = 0.0, erasing: float = 0.0, mixing: str = "none", seed: int = 0
) -> list[keras.layers.Layer]:
    """Returns Keras layers for images with values from 0 to 255.

    Args:
        rand_augment: Strength of two operations per batch, from 0 (none) to 1.
        erasing: Share of the images in which a rectangle is replaced by noise.
        mixing: One of `MIXING`: averages two images, pastes one into the other, or chooses one
            of the two at random for each batch.
        seed: Seed of the random states.

    References: https://arxiv.org/abs/1909.13719 (RandAugment), 1708.04896 (erasing), 1710.09412
        (MixUp), 1905.04899 (CutMix).
    """
    layers: list[keras.layers.Layer] = []
    if rand_augment:
        layers.append(RandAugment(factor=rand_augment, seed=seed))
    if erasing:
        layers.append(keras.layers.RandomErasing(factor=(erasing, erasing), seed=seed + 1))
    if mixing != "none":
        layers.append(Mixing(mixing, seed=seed + 2))
    return layers


class RandAugment(keras.layers.RandAugment):
    """Keras's layer, clipped to the range of pixel values, which some of its operations leave.

    It also suppresses an irrelevant warning on PyTorch.
    """

    def call(self, data: Any, training: bool | None = None) -> Any:
        with warnings.catch_warnings():
            # it transposes scalars
            warnings.filterwarnings("ignore", message="Tensor.T is deprecated on 0-D tensors")
            return super().call(data, training=training)

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        transformed = super().transform_images(images, transformation, training=training)
        return keras.ops.clip(transformed, *self.value_range) if training else transformed


class Mixing(keras.layers.Layer):
    """Keras's MixUp or CutMix, or one of the two chosen at random for each batch.

    Call arguments:
        data: `images` `(batch, height, width, channels)`, `labels` `(batch, classes)`.
    """

    def __init__(self, kind: str, *, seed: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.kind = kind
        self.mix_up = keras.layers.MixUp(alpha=0.2, seed=seed)
        self.cut_mix = keras.layers.CutMix(seed=seed)
        self.generator = keras.random.SeedGenerator(seed)

    def build(self, data_shape: Any = None) -> None:
        self.mix_up.build(data_shape)
        self.cut_mix.build(data_shape)

    def call(self, data: dict[str, Any], training: bool | None = None) -> Any:
        if self.kind == "cutmix":
            return self.cut_mix(data, training=training)
        with warnings.catch_warnings():
            # MixUp's indices are int64, which JAX converts to int32 with a warning
            warnings.filterwarnings("ignore", message="Explicitly requested dtype int64")
            mixup = self.mix_up(data, training=training)
        if self.kind == "mixup":
            return mixup
        cutmix = self.cut_mix(data, training=training)
        use_mixup = keras.random.uniform((), seed=self.generator) < 0.5
        return {name: ops.where(use_mixup, mixup[name], cutmix[name]) for name in data}
