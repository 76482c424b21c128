"""A network that names what is in a picture: a backbone, its features averaged, and a head."""

from __future__ import annotations

import keras
import numpy as np

from hornbook.layers.gated_linear_unit import GatedLinearUnit
from hornbook.models.vision.backbones import make_backbone, preprocessing

GATED_FEATURES = 512


class ImageClassifier:
    """The network and its parts, which share their weights.

    Args:
        num_classes: How many.
        backbone: A name of `keras.applications`.
        weights, alpha: See `make_backbone`.
        gated: Whether features decide themselves how much of each counts, before the classifier.
        dropout: Share of the features dropped in training.

    Attributes:
        backbone: The network of `keras.applications`.
        head: From the backbone's averaged features to `features`, which the classifier sees, and
            `logits`.
        network: From pictures `(batch, height, width, 3)`, 0 to 255, to the same, and to `map`,
            the backbone's features before they are averaged, and `pooled`, after it.
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
        pictures = keras.Input((None, None, 3), name="pictures")
        # batch statistics of a few pictures would replace those of a million: a pretrained
        # backbone keeps its own
        pretrained = weights not in (None, "none")
        settled = {"training": False} if pretrained else {}
        features = self.backbone(preprocessing(backbone)(pictures), **settled)
        pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(features)
        self.head = self._make_head(pooled.shape[-1], num_classes, gated, dropout)
        outputs = {"map": features, "pooled": pooled, **self.head(pooled)}
        self.network = keras.Model(pictures, outputs, name="image_classifier")

    def _make_head(self, size: int, num_classes: int, gated: bool, dropout: float) -> keras.Model:
        pooled = keras.Input((size,), name="pooled")
        self.gated = GatedLinearUnit(GATED_FEATURES, name="gated") if gated else None
        self.classifier = keras.layers.Dense(num_classes, dtype="float32", name="classifier")
        features = self.gated(pooled) if self.gated else pooled
        kept = keras.layers.Dropout(dropout, name="dropout")(features)
        outputs = {"features": features, "logits": self.classifier(kept)}
        return keras.Model(pooled, outputs, name="head")

    @property
    def feature_size(self) -> int:
        """Features that the classifier sees."""
        return self.head.output["features"].shape[-1]

    def heat(self, maps: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Grad-CAM: where in a picture the network sees what speaks for a class.

        What comes after the map is an average and a small head, so the gradient is written down
        instead of asked from a backend.

        Args:
            maps: `(pictures, rows, columns, channels)`.
            labels: `(pictures,)`, of which class.

        Returns:
            `(pictures, rows, columns)`, 0 to 1; all zeros where nothing speaks for it.

        Reference: https://arxiv.org/abs/1610.02391
        """
        weights = self.gradient(maps.mean(axis=(1, 2)), labels)
        heat = np.maximum(np.einsum("nrck,nk->nrc", maps, weights), 0)
        highest = heat.max(axis=(1, 2), keepdims=True)
        return heat / np.where(highest > 0, highest, 1)

    def gradient(self, pooled: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Of each picture's logit of its label, by `pooled`: `(pictures, channels)`."""
        towards = _values(self.classifier.kernel)[:, labels].T  # (pictures, features)
        if self.gated is None:
            return towards
        linear, gate = self.gated.linear, self.gated.gate
        values = pooled @ _values(linear.kernel) + _values(linear.bias)
        gates = 1 / (1 + np.exp(-(pooled @ _values(gate.kernel) + _values(gate.bias))))
        through_gate = towards * values * gates * (1 - gates)
        return (towards * gates) @ _values(linear.kernel).T + through_gate @ _values(gate.kernel).T


def _values(variable: keras.Variable) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable.value)
