"""CasRel: subjects first, then for each subject its objects by predicate.

The first and the last unit of a subject, of any subject, are scored for each unit.  The units are
then normalized under the condition of one subject, the vectors of its first and last unit, and
scored again, as first and last unit of an object for each predicate.  In training every text has
one subject per step, drawn at random; in prediction each subject that was found has its turn.  A
span goes from a first unit to the nearest last unit behind it, so of two spans that begin together
only one is found.

References: https://arxiv.org/abs/1909.03227, https://kexue.fm/archives/7161
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from hornbook.data.seeding import random_of
from hornbook.recipes.relations.methods import Labels, Method
from hornbook.recipes.relations.unit_relations import Answer, Scored, UnitRelation, UnitSpan
from hornbook.recipes.spans.span_recipe import sample_loss

FIRST, LAST = float(np.log(0.6 / 0.4)), 0.0  # scores above which a unit is the first, the last one
RARE = -3.0  # score of every unit at the start of training: few are borders
MOST = 100  # subjects of a window; an untrained model may have many
BORDERS = 2  # outputs per kind of span: first and last unit


class CasRel(Method):
    """Scores borders of subjects, then borders of their objects; see the module."""

    def build(self, inputs: dict[str, Any], features: Any) -> tuple[Any, dict[str, Any]]:
        import keras

        from hornbook.layers.normalization import ConditionalLayerNormalization
        from hornbook.layers.tagging.masked_scores import MASKED

        size = features.shape[-1]
        self.layers = {
            "subjects": self._scores("subjects", BORDERS),
            "condition": ConditionalLayerNormalization(
                condition_size=BORDERS * size, name="condition"
            ),
            "objects": self._scores("objects", BORDERS * len(self.predicates)),
        }
        mask = keras.ops.cast(inputs["unit_mask"], "bool")[:, :, None]
        subjects = keras.ops.where(mask, self.layers["subjects"](features), MASKED)
        # prediction computes the features once, and the objects for each subject
        together = [keras.ops.cast(features, "float32"), subjects]
        self.first = keras.Model(dict(inputs), keras.ops.concatenate(together, axis=-1))
        own_features = keras.Input((None, size), dtype=features.dtype)
        own_subject = keras.Input((BORDERS,), dtype="int32")
        self.second = keras.Model(
            [own_features, own_subject], self._objects(own_features, own_subject)
        )
        inputs["subject"] = keras.Input((BORDERS,), dtype="int32", name="subject")
        objects = self._objects(features, inputs["subject"])
        objects = keras.ops.where(mask, objects, MASKED)
        return keras.ops.concatenate([subjects, objects], axis=-1), dict(self.layers)

    def _scores(self, name: str, units: int) -> Any:
        import keras

        bias = keras.initializers.Constant(RARE)
        return keras.layers.Dense(units, bias_initializer=bias, dtype="float32", name=name)

    def _objects(self, features: Any, subject: Any) -> Any:
        """Returns the scores of units as borders of objects of a subject."""
        import keras

        from hornbook.layers.token_selection import TokenSelection

        borders = TokenSelection()(features, subject)  # (batch, 2, features)
        condition = keras.layers.Reshape((BORDERS * features.shape[-1],))(borders)
        return self.layers["objects"](self.layers["condition"](features, condition))

    def loss(self) -> Any:
        from keras import ops

        from hornbook.layers.tagging.masked_scores import is_masked

        def loss(labels: Any, scores: Any) -> Any:
            real = ops.logical_not(is_masked(scores))
            scores = ops.where(real, scores, 0.0)
            costs = ops.softplus(scores) - labels * scores
            units = ops.sum(ops.cast(real[:, :, 0], "float32"), axis=-1)
            total = ops.sum(ops.where(real, costs, 0.0), axis=(-2, -1))
            return total / BORDERS / ops.maximum(units, 1.0)

        return sample_loss(loss)

    def columns_of_epoch(
        self, columns: Mapping[str, Sequence[Any]], seed: int, epoch: int
    ) -> dict[str, list[Any]]:
        subjects, labels = [], []
        random = random_of(seed, epoch)
        for relations, window in zip(columns["label"], columns["window"], strict=True):
            spans = sorted({one.subject for one in relations})
            if spans:
                # mostly a subject; sometimes the borders of two, which has no objects
                first = spans[random.integers(len(spans))].first
                lasts = [last for _, last in spans if last >= first]
                subject = UnitSpan(first, lasts[random.integers(len(lasts))])
            else:
                unit = int(random.integers(max(1, window.last - window.first)))
                subject = UnitSpan(unit, unit)
            subjects.append(np.array(subject, "int32"))
            labels.append((relations, subject))
        return {"subject": subjects, "label": labels}

    def label_array(self, labels: list[Any], length: int) -> np.ndarray:
        array = np.zeros((len(labels), length, BORDERS * (1 + len(self.predicates))), bool)
        for row, (relations, of_subject) in zip(array, labels, strict=True):
            for subject, predicate, target in relations:
                row[subject, range(BORDERS)] = True
                if subject == of_subject:
                    column = BORDERS * (1 + self.index[predicate])
                    row[target, range(column, column + BORDERS)] = True
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
        for numbers, outputs in predicted_batches(
            self.first, columns, rows=rows, max_length=max_length
        ):
            labels = [columns["label"][number] for number in numbers]
            windows = [columns["window"][number] for number in numbers]
            sizes = [window.last - window.first for window in windows]
            scores = [row[:size, -BORDERS:] for row, size in zip(outputs, sizes, strict=True)]
            subjects = [_most_certain(spans(row)) for row in scores]
            # with those of the labels, for the loss
            every = [
                list(dict.fromkeys([span for span, _ in of_row] + [x.subject for x in gold or ()]))
                for of_row, gold in zip(subjects, labels, strict=True)
            ]
            pairs = [(row, span) for row, of_row in enumerate(every) for span in of_row]
            objects = self._of_subjects(outputs[..., :-BORDERS], pairs, rows)
            for row, number in enumerate(numbers):
                of_row = {span: next(objects)[: sizes[row]] for span in every[row]}
                relations = sorted(self.decode(subjects[row], of_row))
                answers[number] = Answer(relations, self.loss_of(labels[row], scores[row], of_row))
        return answers

    def _of_subjects(
        self, features: np.ndarray, pairs: Sequence[tuple[int, UnitSpan]], rows: int
    ) -> Iterator[np.ndarray]:
        """Yields the scores of units as borders of objects, for a row of features and a subject in
        it each."""
        for start in range(0, len(pairs), rows):
            chunk = list(pairs[start : start + rows])
            filled = chunk + chunk[:1] * (rows - len(chunk))  # one shape, which is compiled once
            numbers = [row for row, _ in filled]
            subjects = np.array([subject for _, subject in filled], "int32")
            outputs = self.second.predict_on_batch([features[numbers], subjects])
            yield from np.asarray(outputs)[: len(chunk)]

    def decode(
        self,
        subjects: Sequence[tuple[UnitSpan, float]],
        objects: Mapping[UnitSpan, np.ndarray],
    ) -> Iterator[Scored]:
        """Yields the relations of a window.

        The probability of a relation is the least of those of its four borders.

        Args:
            subjects: With the lesser score of their borders.
            objects: Of each subject the scores of units as borders of its objects by predicate,
                `(units, 2 * predicates)`.
        """
        for subject, score in subjects:
            of_subject = objects[subject]
            for number, predicate in enumerate(self.predicates):
                column = BORDERS * number
                for target, other in spans(of_subject[:, column : column + BORDERS]):
                    relation = UnitRelation(subject, predicate, target)
                    yield Scored(relation, float(expit(min(score, other))))

    def loss_of(
        self, labels: Labels, scores: np.ndarray, objects: Mapping[UnitSpan, np.ndarray]
    ) -> float:
        """Returns the loss of a window, as `loss` does, averaged over its subjects; relations of
        other predicates are left out."""
        if labels is None:
            return float("nan")
        known = [one for one in labels if one.predicate in self.index]
        costs = []
        for subject in sorted({one.subject for one in known}):
            [gold] = self.label_array([(known, subject)], len(scores))
            costs.append(_cost(gold, np.concatenate([scores, objects[subject]], axis=1)))
        if costs:
            return float(np.mean(costs))
        return _cost(np.zeros(scores.shape, bool), scores)


def _most_certain(subjects: Iterator[tuple[UnitSpan, float]]) -> list[tuple[UnitSpan, float]]:
    """Returns at most `MOST` subjects, those with the highest scores."""
    return sorted(subjects, key=lambda one: -one[1])[:MOST]


def _cost(labels: np.ndarray, scores: np.ndarray) -> float:
    """Returns the cross entropy of borders, `(units, borders)`, as the loss counts it."""
    values = scores.astype("float64")
    costs = np.logaddexp(0, values) - labels * values
    return float(costs.sum()) / BORDERS / max(1, len(scores))


def spans(scores: np.ndarray) -> Iterator[tuple[UnitSpan, float]]:
    """Yields spans from each first unit to the nearest last one, with the lesser score of the two.

    Args:
        scores: `(units, 2)`, of units as first and as last one.
    """
    lasts = np.flatnonzero(scores[:, 1] > LAST)
    for first in np.flatnonzero(scores[:, 0] > FIRST):
        index = np.searchsorted(lasts, first)
        if index < len(lasts):
            last = int(lasts[index])
            span = UnitSpan(int(first), last)
            yield span, float(min(scores[first, 0], scores[last, 1]))
