"""How relations are found: the part of the network on top of the encoder, its labels, and its
answers.  `gplinker` scores pairs of units, `casrel` finds subjects first and then their objects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.recipes.relations.unit_relations import Answer, UnitRelation

Labels = list[UnitRelation] | None  # of a window, by index in it; None without labels


class Method(ABC):
    """A method.

    Args:
        predicates: All predicates.
    """

    max_pairs: int | None = None  # of units per step, where outputs are of pairs

    def __init__(self, predicates: Sequence[str]):
        self.predicates = list(predicates)
        self.index = {predicate: index for index, predicate in enumerate(predicates)}

    @abstractmethod
    def build(self, inputs: dict[str, Any], features: Any) -> tuple[Any, dict[str, Any]]:
        """Returns outputs of features `(batch, units, hidden_size)`, and layers to save.

        Args:
            inputs: The network's inputs, with `unit_mask`; gets those that the method adds.
            features: Of the units.
        """

    @abstractmethod
    def loss(self) -> Any:
        """Returns the loss of the outputs, a `keras.losses.Loss`."""

    def columns_of_epoch(
        self, columns: Mapping[str, Sequence[Any]], seed: int, epoch: int
    ) -> dict[str, list[Any]]:
        """Returns inputs and labels that differ from epoch to epoch, a pure function of both
        numbers."""
        return {}

    @abstractmethod
    def label_array(self, labels: list[Any], length: int) -> np.ndarray:
        """Makes the array of the labels of a batch whose rows have `length` units."""

    @abstractmethod
    def answers(
        self,
        model: Any,
        columns: Mapping[str, Sequence[Any]],
        *,
        rows: int,
        max_length: int,
    ) -> list[Answer]:
        """Returns the answer of each window, by index in it, with the loss of its `label`.

        Args:
            model: The network.
            columns: Its inputs, `label` and `window`.
            rows: Maximum windows per batch.
            max_length: Maximum length of the model.
        """
