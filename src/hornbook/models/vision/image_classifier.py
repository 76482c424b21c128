"""An image classifier: a backbone, average pooling of its features, and a head."""

from __future__ import annotations

import keras
import numpy as np

from hornbook.layers.gated_linear_unit import GatedLinearUnit
from hornbook.models.vision.backbones import make_backbone, preprocessing

GATED_FEATURES = 512


class ImageClassifier:
    """The network and its parts, which share weights.

    Args:
        num_classes: Number of classes.
        backbone: A network of `keras.applications`.
        weights, alpha: See `make_backbone`.
        gated: Whether there is a gated linear unit before the classifier.
        dropout: Dropout rate of the features.

    Attributes:
        backbone: The network of `keras.applications`.
        head: From the pooled features of the backbone to `features`, the input of the classifier,
            and `logits`.
        network: From images `(batch, height, width, 3)`, 0 to 255, to the same, and to `map`, the
            features of the backbone, and `pooled`, the same after pooling.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str,
        weights: str | None = None,
        alpha: float | None = None,
        gated: bool = False,
        dropout: float = 0.0,
    ) -> None:
        self.backbone = make_backbone(backbone, weights=weights, alpha=alpha)
        images = keras.Input((None, None, 3), name="images")
        # the batch statistics of a few images would replace those of a million, so a pretrained
        # backbone is always in inference mode
        pretrained = weights not in (None, "none")
        mode = {"training": False} if pretrained else {}
        features = self.backbone(preprocessing(backbone)(images), **mode)
        pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(features)
        self.head = self._make_head(pooled.shape[-1], num_classes, gated, dropout)
        outputs = {"map": features, "pooled": pooled, **self.head(pooled)}
        self.network = keras.Model(images, outputs, name="image_classifier")

    def _make_head(self, size: int, num_classes: int, gated: bool, dropout: float) -> keras.Model:
        pooled = keras.Input((size,), name="pooled")
        self.gated = GatedLinearUnit(GATED_FEATURES, name="gated") if gated else None
        self.classifier = keras.layers.Dense(num_classes, dtype="float32", name="classifier")
        features = self.gated(pooled) if self.gated else pooled
        dropped = keras.layers.Dropout(dropout, name="dropout")(features)
        outputs = {"features": features, "logits": self.classifier(dropped)}
        return keras.Model(pooled, outputs, name="head")

    @property
    def feature_size(self) -> int:
        """Number of features before the classifier."""
        return self.head.output["features"].shape[-1]

    def heat(self, maps: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Computes Grad-CAM: the regions of an image that contribute to a class.

        After the map there are only an average and a small head, so the gradient is a formula here
        and needs no backend.

        Args:
            maps: `(images, rows, columns, channels)`.
            labels: `(images,)`, the index of a class per image.

        Returns:
            `(images, rows, columns)`, 0 to 1; all zeros if nothing contributes to the class.

        Reference: https://arxiv.org/abs/1610.02391
        """
        weights = self.gradient(maps.mean(axis=(1, 2)), labels)
        heat = np.maximum(np.einsum("nrck,nk->nrc", maps, weights), 0)
        maximum = heat.max(axis=(1, 2), keepdims=True)
        return heat / np.where(maximum > 0, maximum, 1)

    def gradient(self, pooled: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Returns the gradient of each image's logit of its label by `pooled`.

        It is `(images, channels)`.
        """
        gradient = _values(self.classifier.kernel)[:, labels].T  # (images, features)
        if self.gated is None:
            return gradient
        linear, gate = self.gated.linear, self.gated.gate
        values = pooled @ _values(linear.kernel) + _values(linear.bias)
        gates = 1 / (1 + np.exp(-(pooled @ _values(gate.kernel) + _values(gate.bias))))
        of_gates = gradient * values * gates * (1 - gates)
        return (gradient * gates) @ _values(linear.kernel).T + of_gates @ _values(gate.kernel).T


def _values(variable: keras.Variable) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable.value)
