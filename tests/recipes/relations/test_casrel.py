"""CasRel's labels, loss and decoder against direct computations."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.recipes.relations.casrel import FIRST, CasRel, spans
from hornbook.recipes.relations.unit_relations import UnitRelation, UnitSpan
from hornbook.recipes.spans.text_windows import Units, Window

PREDICATES = ["a", "b"]
SIZE = 5
WINDOW = Window(0, Units([(n, n + 1) for n in range(SIZE)], [[5]] * SIZE), 0, SIZE)


def relation(subject, predicate, target):
    return UnitRelation(UnitSpan(*subject), predicate, UnitSpan(*target))


RELATIONS = [
    relation((0, 1), "a", (3, 4)),
    relation((0, 1), "b", (3, 4)),
    relation((3, 4), "a", (2, 2)),  # the object before the subject
    relation((0, 1), "a", (1, 1)),  # one inside the other
]


def test_labels_are_decoded_to_the_same_relations():
    method = CasRel(PREDICATES)
    subjects = sorted({one.subject for one in RELATIONS})
    labels = method.label_array([(RELATIONS, subject) for subject in subjects], SIZE)
    scores = np.where(labels, 1.0, -1.0)
    objects = {subject: row[:, 2:] for subject, row in zip(subjects, scores, strict=True)}
    decoded = method.decode(list(spans(scores[0][:, :2])), objects)
    assert sorted(one.relation for one in decoded) == sorted(RELATIONS)


@pytest.mark.parametrize("seed", range(5))
def test_a_span_ends_with_the_nearest_last_unit(seed):
    scores = np.random.default_rng(seed).normal(0, 1, (8, 2))
    expected = []
    for first in range(8):
        for last in range(first, 8):
            if scores[first, 0] > FIRST and scores[last, 1] > 0:
                expected.append(((first, last), min(scores[first, 0], scores[last, 1])))
                break
    assert list(spans(scores)) == expected


def test_the_probability_is_that_of_the_least_certain_border():
    objects = np.full((SIZE, 4), -1.0)
    objects[2, 2], objects[3, 3] = 0.5, 3.0
    [one] = CasRel(PREDICATES).decode([(UnitSpan(0, 1), 2.0)], {UnitSpan(0, 1): objects})
    assert one.relation == relation((0, 1), "b", (2, 3))
    assert one.probability == pytest.approx(1 / (1 + np.exp(-0.5)))


@pytest.mark.backend
def test_the_loss_is_the_binary_cross_entropy_of_all_borders_per_unit():
    import keras

    method = CasRel(PREDICATES)
    random = np.random.default_rng(0)
    labels = method.label_array([(RELATIONS, UnitSpan(3, 4)), ([], UnitSpan(0, 0))], SIZE)
    scores = random.normal(0, 2, labels.shape).astype("float32")
    scores[1, 3:] = -1e9  # padding
    expected = []
    for row, size in enumerate((5, 3)):
        total = 0.0
        for unit, border in np.ndindex(size, 6):
            p = 1 / (1 + np.exp(-float(scores[row, unit, border])))
            total -= np.log(p if labels[row, unit, border] else 1 - p)
        expected.append(total / 2 / size)
    loss = method.loss()
    for row in range(2):
        weights = (np.arange(2) == row).astype("float32")
        value = float(keras.ops.convert_to_numpy(loss(labels, scores, sample_weight=weights)))
        assert value == pytest.approx(expected[row], rel=1e-5)
    # of the labels it averages over all subjects
    subjects = sorted({one.subject for one in RELATIONS})
    objects = {one: random.normal(0, 2, (SIZE, 4)).astype("float32") for one in subjects}
    values = []
    for subject in subjects:
        gold = method.label_array([(RELATIONS, subject)], SIZE)
        both = np.concatenate([scores[0, :, :2], objects[subject]], axis=1)[None]
        values.append(float(keras.ops.convert_to_numpy(loss(gold, both))))
    ours = method.loss_of(RELATIONS, scores[0, :, :2], objects)
    assert ours == pytest.approx(np.mean(values), rel=1e-5)
    assert np.isnan(method.loss_of(None, scores[0, :, :2], {}))
    assert method.loss_of([], np.full((2, 2), -50.0), {}) == pytest.approx(0, abs=1e-6)


def test_the_subjects_of_an_epoch_are_a_pure_function_of_seed_and_epoch():
    method = CasRel(PREDICATES)
    columns = {"label": [RELATIONS, [], RELATIONS] * 20, "window": [WINDOW] * 60}

    def drawn(seed, epoch):
        subjects = method.columns_of_epoch(columns, seed, epoch)["subject"]
        return [tuple(one.tolist()) for one in subjects]

    assert drawn(0, 1) == drawn(0, 1)
    assert drawn(0, 1) != drawn(0, 2)
    assert drawn(0, 1) != drawn(1, 1)
    # both subjects, and the borders of two, which has no objects
    assert {one for n, one in enumerate(drawn(0, 1)) if n % 3 != 1} == {(0, 1), (3, 4), (0, 4)}
    assert not method.label_array([(RELATIONS, UnitSpan(0, 4))], SIZE)[:, :, 2:].any()
