"""What every family gets for being in the list: each test runs over all of them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.checkpoints import ArraysCheckpoint, read_weights, write_weights
from hornbook.checkpoints.weight_table import rows_for
from hornbook.models.families import FAMILIES
from hornbook.models.variables import named_variables
from hornbook.pretrained import LAYOUTS, Pretrained, load

pytestmark = pytest.mark.backend

TABLES = [(family, layout) for family, data in FAMILIES.items() for layout in data.weights]
IDS = np.array([[5, 6, 7, 8], [9, 10, 11, 0]])
INPUTS = {"segment_ids": np.array([[0, 0, 1, 1], [0, 1, 1, 0]]), "padding_mask": IDS > 0}


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def outputs(transformer):
    """Everything it computes, heads included."""
    x = transformer(IDS, **INPUTS)
    pooled = transformer.pool(x)
    return [
        ops.convert_to_numpy(y) for y in (x, pooled, transformer.mlm(x), transformer.nsp(pooled))
    ]


def assert_same(one, other):
    """Every weight is equal, and so is what is computed (where memory lies may move a bit)."""
    weights = named_variables(one)
    for path, variable in named_variables(other).items():
        np.testing.assert_array_equal(
            ops.convert_to_numpy(variable.value), ops.convert_to_numpy(weights[path].value)
        )
    for first, second in zip(outputs(one), outputs(other), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.parametrize(("name", "layout"), TABLES)
def test_every_parameter_is_named_in_every_table_exactly_once(tiny_transformer, name, layout):
    family = FAMILIES[name]
    variables = named_variables(tiny_transformer(family=name, **family.choices))
    rows = rows_for(family.weights[layout], variables)  # refuses what is named twice
    assert len(variables) > 40
    assert sorted(path for row in rows for path in row.ours) == sorted(variables)
    spellings = [foreign.name for row in rows for foreign in row.foreign]
    assert len(set(spellings)) == len(spellings)


@pytest.mark.parametrize(("name", "layout"), TABLES)
def test_no_row_of_a_table_names_what_no_model_has(tiny_transformer, name, layout):
    family = FAMILIES[name]
    variables = named_variables(tiny_transformer(family=name, **family.choices))
    used = {path.replace(".0.", ".{i}.").replace(".1.", ".{i}.") for path in variables}
    assert set(family.weights[layout]) <= used


@pytest.mark.parametrize(("name", "layout"), TABLES)
def test_what_is_written_is_read_exactly(tiny_transformer, name, layout):
    family = FAMILIES[name]
    first = tiny_transformer(family=name, seed=1, **family.choices)
    second = tiny_transformer(family=name, seed=2, **family.choices)
    table = family.weights[layout]
    tensors = write_weights(table, named_variables(first))
    read_weights(table, named_variables(second), ArraysCheckpoint(tensors, layout=layout))
    assert_same(first, second)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_saving_and_loading_changes_nothing(tiny_transformer, tmp_path, family, layout):
    transformer = tiny_transformer(family=family.name, **family.choices)
    Pretrained(transformer, None).save(tmp_path / "model", layout=layout)
    loaded = load(tmp_path / "model")
    assert loaded.config.replace(extra={}) == transformer.config
    assert_same(transformer, loaded.model)


def test_padding_changes_nothing(tiny_transformer, family):
    transformer = tiny_transformer(family=family.name, **family.choices)
    alone = ops.convert_to_numpy(transformer(IDS[1:, :3]))
    rows = []
    for content in (0, 33):
        ids = np.where(np.arange(8) < 3, np.resize(IDS[1], 8), content)[None]
        mask = np.arange(8)[None] < 3
        rows.append(ops.convert_to_numpy(transformer(ids, padding_mask=mask))[:, :3])
    np.testing.assert_array_equal(*rows)
    np.testing.assert_allclose(alone, rows[0], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("compute_dtype", ["float32", "bfloat16"])
def test_one_training_step_lowers_the_loss(tiny_transformer, family, compute_dtype):
    transformer = tiny_transformer(
        family=family.name,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        heads=("mlm",),
        compute_dtype=compute_dtype,
        **family.choices,
    )
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, transformer.mlm(transformer(ids)))
    model.compile(
        keras.optimizers.SGD(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    before = model.train_on_batch(IDS, IDS)
    after = model.train_on_batch(IDS, IDS)
    assert after < before
