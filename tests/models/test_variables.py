"""Every weight has one name, its attribute path."""

from __future__ import annotations

import operator

import keras
import pytest

from hornbook.models.variables import named_variables

pytestmark = pytest.mark.backend


def test_every_weight_is_named_once_by_its_attribute_path(tiny_transformer):
    transformer = tiny_transformer(condition_size=3)
    variables = named_variables(transformer)
    assert {id(v) for v in variables.values()} == {id(v) for v in transformer.weights}
    assert len(variables) == len(transformer.weights)
    for path, variable in variables.items():
        if not path.startswith("blocks."):
            assert operator.attrgetter(path)(transformer) is variable
    block = transformer.blocks[1]
    assert variables["blocks.1.attention.query.kernel"] is block.attention.query.kernel


def test_names_do_not_depend_on_the_surrounding_model(tiny_transformer):
    transformer = tiny_transformer()
    before = named_variables(transformer)
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, keras.layers.Dense(1, name="bert_top")(transformer(ids)))
    after = named_variables(transformer)
    assert list(before) == list(after)
    assert all(before[path] is after[path] for path in before)
    assert len(model.weights) == len(before) + 2


def test_random_states_are_not_weights(tiny_transformer):
    transformer = tiny_transformer()
    assert (
        len(transformer.variables) > len(transformer.weights) == len(named_variables(transformer))
    )


def test_a_single_layer_is_named_too():
    dense = keras.layers.Dense(2)
    dense.build((None, 3))
    assert list(named_variables(dense)) == ["kernel", "bias"]
