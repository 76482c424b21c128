"""Ids that no table has a row for are refused before a backend makes something of them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.errors import OptionError
from hornbook.models.families import FAMILIES
from hornbook.models.id_checks import check_ids, check_inputs
from hornbook.pretrained import Pretrained

pytestmark = pytest.mark.backend

FITTING = np.array([[5, 6, 7, 8]])


@pytest.mark.parametrize("name", FAMILIES)
def test_what_has_no_row_is_refused_with_the_size_of_the_table(tiny_family, name):
    transformer = tiny_family(
        FAMILIES[name], num_hidden_layers=1, max_position_embeddings=24, heads=()
    )
    beyond = "The largest of token_ids is 40, but the model has 40 tokens in the vocabulary"
    for ids in ([[1, 40]], np.array([[1, 40]]), ops.convert_to_tensor(np.array([[1, 40]]))):
        with pytest.raises(OptionError, match=beyond):
            transformer(ids)
    with pytest.raises(OptionError, match="The smallest of token_ids is -1; ids are 0 or more"):
        transformer(np.array([[1, -1]]))
    if transformer.config.position_kind == "learned":
        positions = transformer.config.max_length
        with pytest.raises(OptionError, match=f"have 25 tokens, but the model has {positions} "):
            transformer(np.full((2, 25), 5))


def test_what_a_decoder_is_given_is_looked_at_too(tiny_family):
    transformer = tiny_family(FAMILIES["t5"])
    with pytest.raises(OptionError, match="The largest of decoder_token_ids is 99"):
        transformer(FITTING, decoder_token_ids=np.array([[99]]))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"segment_ids": np.array([[0, 1, 2, 0]])}, "largest of segment_ids is 2, .* 2 segments"),
        ({"position_ids": np.array([[0, 1, 2, 24]])}, "largest of position_ids is 24, .* 24 rows"),
        ({"position_ids": np.array([[0, 1, 2, -4]])}, "smallest of position_ids is -4"),
    ],
)
def test_segments_and_positions_have_tables_too(tiny_transformer, inputs, message):
    with pytest.raises(OptionError, match=message):
        tiny_transformer()(FITTING, **inputs)


@pytest.mark.parametrize("changes", [{"hierarchical_positions": 0.4}, {"tiled_positions": True}])
def test_more_positions_than_rows_can_be_asked_for(tiny_transformer, changes):
    transformer = tiny_transformer(**changes)
    far = {"position_ids": np.array([[0, 30, 500, 24 * 24 - 1]])}
    assert not np.isnan(ops.convert_to_numpy(transformer(FITTING, **far))).any()
    with pytest.raises(OptionError, match="576"):
        transformer(FITTING, position_ids=np.array([[0, 1, 2, 576]]))


def test_a_model_of_keras_is_built_and_trained_around_it(tiny_transformer):
    transformer = tiny_transformer(heads=())
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, transformer(ids))
    assert model.predict(FITTING, verbose=0).shape == (1, 4, 12)


def test_arrays_of_nothing_are_let_through(tiny_transformer):
    check_ids("token_ids", np.zeros((0, 4), int), 10, "rows")
    check_ids("token_ids", None, 10, "rows")
    check_inputs(tiny_transformer().config, np.zeros((1, 0), int))


@pytest.mark.parametrize("positions", [17, 25])
def test_padding_never_reaches_beyond_the_positions(tiny_transformer, positions):
    """Texts are padded to 24 or 32 tokens: where there are fewer positions, to those."""
    transformer = tiny_transformer(max_position_embeddings=positions, application="causal_lm")
    [score] = Pretrained(transformer, None).score([[5] * positions])
    assert np.isfinite(score.log_probabilities).all()
