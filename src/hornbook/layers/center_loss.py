"""The center loss, which pulls the features of a class together."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class CenterLoss(keras.layers.Layer):
    """Half the squared distance of features to the learned center of their class.

    An image mixed from two classes is pulled to both centers, in proportion to its labels.

    Args:
        classes: Number of classes.

    Call arguments:
        features: `(batch, features)`.
        targets: `(batch, classes)`, the share of each class.

    Returns:
        `(batch,)`.

    Reference: https://ydwen.github.io/papers/WenECCV16.pdf
    """

    def __init__(self, classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes = classes

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "classes": self.classes,
        }

    def build(self, features_shape: Shape, targets_shape: Shape | None = None) -> None:
        self.centers = self.add_weight(
            shape=(self.classes, features_shape[-1]), initializer="zeros", name="centers"
        )

    def call(self, features: Tensor, targets: Tensor) -> Tensor:
        # |f - c|^2 for each class without (batch, classes, features) in memory
        squares = ops.sum(features**2, axis=-1, keepdims=True) + ops.sum(self.centers**2, axis=-1)
        distances = squares - 2 * ops.matmul(features, ops.transpose(self.centers))
        return 0.5 * ops.sum(targets * distances, axis=-1)

    def compute_output_shape(
        self, features_shape: Shape, targets_shape: Shape | None = None
    ) -> Shape:
        return features_shape[:1]
