"""GPLinker: relations as links between the heads and the tails of subjects and objects.

For the units of a text there are three kinds of tables of pairs.  One for subjects and one for
objects: the first and the last unit of each.  One per predicate for heads: the first unit of a
subject and that of its object.  One per predicate for tails: the last units.  A subject and an
object are related where all four cells are above 0.  Subjects, objects and relations may overlap in
any way; two pairs of entities are only confused if their heads and tails are linked crosswise.

Reference: https://kexue.fm/archives/8888
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from hornbook.recipes.relations.methods import Labels, Method
from hornbook.recipes.relations.unit_relations import Answer, Scored, UnitRelation, UnitSpan
from hornbook.recipes.spans.pair_tables import (
    CELLS,
    loss_of_tables,
    positive_cells,
    table_loss,
)

SUBJECT, OBJECT, HEADS = 0, 1, 2  # indices of the tables; from `HEADS` on one per predicate


class GPLinker(Method):
    """Scores pairs of units; see the module."""

    def __init__(self, predicates: Sequence[str]):
        super().__init__(predicates)
        self.num_tables = HEADS + 2 * len(self.predicates)
        self.max_pairs = CELLS // self.num_tables

    def build(self, inputs: dict[str, Any], features: Any) -> tuple[Any, dict[str, Any]]:
        import keras

        from hornbook.layers import EfficientGlobalPointer

        size = len(self.predicates)
        # the object may be before the subject, at any distance
        links: dict[str, Any] = {"rotary": False, "triangular": False}
        pointers = {
            "entities": EfficientGlobalPointer(HEADS, name="entities"),
            "heads": EfficientGlobalPointer(size, name="heads", **links),
            "tails": EfficientGlobalPointer(size, name="tails", **links),
        }
        mask = inputs["unit_mask"]
        tables = [pointer(features, padding_mask=mask) for pointer in pointers.values()]
        return keras.layers.Concatenate(axis=1, dtype="float32")(tables), pointers

    def loss(self) -> Any:
        return table_loss()

    def label_array(self, labels: list[Any], length: int) -> np.ndarray:
        array = np.zeros((len(labels), self.num_tables, length, length), bool)
        for row, relations in zip(array, labels, strict=True):
            for subject, predicate, target in relations:
                head = HEADS + self.index[predicate]
                tail = head + len(self.predicates)
                row[SUBJECT][subject] = row[OBJECT][target] = True
                row[head, subject.first, target.first] = True
                row[tail, subject.last, target.last] = True
        return array

    def answers(
        self,
        model: Any,
        columns: Mapping[str, Sequence[Any]],
        *,
        rows: int,
        max_length: int,
    ) -> list[Answer]:
        from hornbook.training.text_batches import predicted_batches

        answers: list[Answer] = [Answer([], float("nan"))] * len(columns["window"])
        batches = predicted_batches(
            model, columns, rows=rows, max_length=max_length, max_pairs=self.max_pairs
        )
        for numbers, outputs in batches:
            for number, tables in zip(numbers, outputs, strict=True):
                window, labels = columns["window"][number], columns["label"][number]
                size = window.last - window.first
                tables = tables[:, :size, :size]
                answers[number] = Answer(self.decode(tables), self.loss_of(labels, tables))
        return answers

    def decode(self, tables: np.ndarray) -> list[Scored]:
        """Returns the relations of a window.

        The probability of a relation is the least of those of its four cells: subject, object, link
        of the heads, link of the tails.

        Args:
            tables: `(tables, units, units)`.
        """
        subjects, objects = (positive_cells(table) for table in tables[:HEADS])
        (first, last), (other_first, other_last) = subjects.T, objects.T
        heads, tails = np.split(tables[HEADS:], 2)
        head_scores = heads[:, first[:, None], other_first[None]]  # (predicates, subjects, objects)
        tail_scores = tails[:, last[:, None], other_last[None]]
        relations = []
        for predicate, i, j in np.argwhere((head_scores > 0) & (tail_scores > 0)):
            subject, target = UnitSpan(*subjects[i].tolist()), UnitSpan(*objects[j].tolist())
            least = min(
                tables[SUBJECT][subject],
                tables[OBJECT][target],
                head_scores[predicate, i, j],
                tail_scores[predicate, i, j],
            )
            relation = UnitRelation(subject, self.predicates[predicate], target)
            relations.append(Scored(relation, float(expit(least))))
        return sorted(relations)

    def loss_of(self, labels: Labels, tables: np.ndarray) -> float:
        """Returns the loss of a window, as `loss` does; relations of other predicates are left
        out."""
        if labels is None:
            return float("nan")
        size = tables.shape[-1]
        known = [one for one in labels if one.predicate in self.index]
        gold = self.label_array([known], size)[0]
        possible = np.ones_like(gold)
        possible[:HEADS] = np.triu(np.ones((size, size), bool))
        return loss_of_tables(gold, tables, possible)
