"""GPLinker's labels, loss and decoder against direct computations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hornbook.recipes.relations.gplinker import GPLinker
from hornbook.recipes.relations.unit_relations import UnitRelation, UnitSpan
from hornbook.recipes.spans import pair_tables

PREDICATES = ["a", "b"]
SIZE = 5


def relation(subject, predicate, target):
    return UnitRelation(UnitSpan(*subject), predicate, UnitSpan(*target))


def test_labels_are_decoded_to_the_same_relations():
    relations = [
        relation((0, 1), "a", (3, 4)),
        relation((0, 1), "b", (3, 4)),  # a second predicate of the pair
        relation((0, 1), "a", (2, 2)),  # a shared subject
        relation((3, 4), "b", (0, 1)),  # the object before the subject
        relation((0, 4), "a", (1, 1)),  # one inside the other
    ]
    method = GPLinker(PREDICATES)
    [tables] = method.label_array([relations], SIZE)
    assert [one.relation for one in method.decode(np.where(tables, 1.0, -1.0))] == sorted(relations)


@pytest.mark.parametrize("seed", range(5))
def test_decoding_equals_a_search_of_everything(seed):
    tables = np.random.default_rng(seed).normal(-0.3, 1, (6, SIZE, SIZE)).astype("float32")
    tables[:2][:, ~np.triu(np.ones((SIZE, SIZE), bool))] = -1e9
    expected = []
    for a, b, c, d in itertools.product(range(SIZE), repeat=4):
        for number, predicate in enumerate(PREDICATES):
            cells = (
                tables[0, a, b],
                tables[1, c, d],
                tables[2 + number, a, c],
                tables[4 + number, b, d],
            )
            if min(cells) > 0:
                expected.append(
                    (relation((a, b), predicate, (c, d)), 1 / (1 + np.exp(-min(cells))))
                )
    answers = GPLinker(PREDICATES).decode(tables)
    assert [one.relation for one in answers] == [one for one, _ in sorted(expected)]
    np.testing.assert_allclose(
        [one.probability for one in answers], [one for _, one in sorted(expected)], rtol=1e-6
    )


def test_a_model_that_finds_everything_is_limited_to_the_most_certain(monkeypatch):
    monkeypatch.setattr(pair_tables, "MOST", 2)
    tables = np.ones((6, SIZE, SIZE))
    tables[0, 1, 2] = tables[0, 3, 4] = tables[1, 0, 0] = tables[1, 2, 2] = 2.0
    answers = GPLinker(PREDICATES).decode(tables)
    assert {one.relation.subject for one in answers} == {(1, 2), (3, 4)}
    assert {one.relation.object for one in answers} == {(0, 0), (2, 2)}


@pytest.mark.backend
def test_the_loss_is_the_sum_over_all_tables():
    import keras

    method = GPLinker(PREDICATES)
    relations = [[relation((0, 1), "a", (3, 4)), relation((2, 2), "b", (0, 1))], []]
    labels = method.label_array(relations, SIZE)
    scores = np.random.default_rng(0).normal(0, 2, labels.shape).astype("float32")
    possible = np.broadcast_to(np.ones((SIZE, SIZE), bool), scores.shape).copy()
    possible[:, :2] = np.triu(np.ones((SIZE, SIZE), bool))
    scores[~possible] = -1e9
    expected = []
    for row in range(2):
        total = 0.0
        for table in range(6):
            cells, real = scores[row, table].astype("float64"), possible[row, table]
            negative = np.exp(cells[real & ~labels[row, table]]).sum()
            positive = np.exp(-cells[real & labels[row, table]]).sum()
            total += np.log1p(negative) + np.log1p(positive)
        expected.append(total)
    loss = method.loss()
    for row in range(2):
        weights = np.arange(2) == row
        value = loss(labels, scores, sample_weight=weights.astype("float32"))
        assert float(keras.ops.convert_to_numpy(value)) == pytest.approx(expected[row], rel=1e-5)
        assert method.loss_of(relations[row], scores[row]) == pytest.approx(expected[row], rel=1e-5)
    assert np.isnan(method.loss_of(None, scores[0]))


def test_a_step_with_many_predicates_has_fewer_texts():
    assert GPLinker([str(n) for n in range(211)]).max_pairs * 424 <= pair_tables.CELLS
