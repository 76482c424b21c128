"""Heads of a tagging model: scores of tags or of spans on top of the encoder.

A head builds its part of the network, makes the labels of a window, and turns the network's outputs
into entities: first those of a window (`read`), then of a text, from all of its windows (`tagged`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from hornbook.data.entities.tag_schemes import TokenSpan
from hornbook.recipes.spans.text_windows import Units, Window

ILLEGAL = -1e4  # score of what cannot be
NOTHING = -1  # in place of a tag: no unit, or one of an entity that the window cuts through


class Scored(NamedTuple):
    """A span of units with its probability."""

    span: TokenSpan
    probability: float


class Tagged(NamedTuple):
    """The model's output for a text.

    Attributes:
        spans: The entities, in order.
        loss: The loss of its labels; NaN without labels.
    """

    spans: list[Scored]
    loss: float


class Head(ABC):
    """A head.

    Args:
        types: Types of the entities.
    """

    max_pairs: int | None = None  # see `WholeTextRecipe`

    def __init__(self, types: Sequence[str]):
        self.types = list(types)

    @abstractmethod
    def build(
        self, features: Any, unit_mask: Any, type_scores: Any = None
    ) -> tuple[Any, dict[str, Any]]:
        """Returns outputs, and layers to save.

        Args:
            features: `(batch, units, hidden_size)`.
            unit_mask: `(batch, units)`.
            type_scores: `(batch, types)`, added to the scores of each type: 0, or `ILLEGAL` where
                the corpus of a text does not have it.  Defaults to 0.
        """

    @abstractmethod
    def loss(self) -> Any:
        """Returns the loss of the outputs, a value per window."""

    @abstractmethod
    def label(self, window: Window) -> Any:
        """Returns the label of a window."""

    @abstractmethod
    def label_array(self, labels: list[Any], length: int) -> np.ndarray:
        """Makes the array of the labels of a batch whose rows have `length` units."""

    @abstractmethod
    def read(self, outputs: np.ndarray, window: Window) -> Any:
        """Returns the part of the outputs of a window that `tagged` needs."""

    @abstractmethod
    def tagged(
        self,
        texts: Sequence[Units],
        windows: Sequence[list[tuple[Window, Any]]],
        known: Sequence[Sequence[TokenSpan]] = (),
    ) -> list[Tagged]:
        """Returns the entities of texts.

        Args:
            texts: The texts.
            windows: The windows of each, with what `read` returned.
            known: Spans of each text that are words regardless of the scores; for segmentation.
        """
