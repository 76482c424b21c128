"""IDs that are out of range for their table are refused before a backend uses them."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.errors import OptionError
from hornbook.models.families import FAMILIES
from hornbook.models.id_checks import check_ids, check_inputs
from hornbook.pretrained import Pretrained

pytestmark = pytest.mark.backend

VALID = np.array([[5, 6, 7, 8]])


@pytest.mark.parametrize("name", FAMILIES)
def test_an_id_out_of_range_is_refused_with_the_size_of_the_table(tiny_family, name):
    transformer = tiny_family(
        FAMILIES[name], num_hidden_layers=1, max_position_embeddings=24, heads=()
    )
    message = "The largest of token_ids is 40, but the model has 40 tokens in the vocabulary"
    for ids in ([[1, 40]], np.array([[1, 40]]), ops.convert_to_tensor(np.array([[1, 40]]))):
        with pytest.raises(OptionError, match=message):
            transformer(ids)
    with pytest.raises(OptionError, match="The smallest of token_ids is -1; ids are 0 or more"):
        transformer(np.array([[1, -1]]))
    if transformer.config.position_kind == "learned":
        positions = transformer.config.max_length
        with pytest.raises(OptionError, match=f"have 25 tokens, but the model has {positions} "):
            transformer(np.full((2, 25), 5))


def test_the_ids_of_a_decoder_are_checked_too(tiny_family):
    transformer = tiny_family(FAMILIES["t5"])
    with pytest.raises(OptionError, match="The largest of decoder_token_ids is 99"):
        transformer(VALID, decoder_token_ids=np.array([[99]]))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"segment_ids": np.array([[0, 1, 2, 0]])}, "largest of segment_ids is 2, .* 2 segments"),
        ({"position_ids": np.array([[0, 1, 2, 24]])}, "largest of position_ids is 24, .* 24 rows"),
        ({"position_ids": np.array([[0, 1, 2, -4]])}, "smallest of position_ids is -4"),
    ],
)
def test_segment_ids_and_position_ids_are_checked_too(tiny_transformer, inputs, message):
    with pytest.raises(OptionError, match=message):
        tiny_transformer()(VALID, **inputs)


@pytest.mark.parametrize("changes", [{"hierarchical_positions": 0.4}, {"tiled_positions": True}])
def test_extended_positions_may_exceed_the_rows_of_the_table(tiny_transformer, changes):
    transformer = tiny_transformer(**changes)
    far = {"position_ids": np.array([[0, 30, 500, 24 * 24 - 1]])}
    assert not np.isnan(ops.convert_to_numpy(transformer(VALID, **far))).any()
    with pytest.raises(OptionError, match="576"):
        transformer(VALID, position_ids=np.array([[0, 1, 2, 576]]))


def test_empty_arrays_are_accepted(tiny_transformer):
    check_ids("token_ids", np.zeros((0, 4), int), 10, "rows")
    check_ids("token_ids", None, 10, "rows")
    check_inputs(tiny_transformer().config, np.zeros((1, 0), int))


@pytest.mark.parametrize("positions", [17, 25])
def test_padding_does_not_exceed_the_positions(tiny_transformer, positions):
    """Texts are padded to 24 or 32 tokens, but at most to the number of positions."""
    transformer = tiny_transformer(max_position_embeddings=positions, application="causal_lm")
    [score] = Pretrained(transformer, None).score([[5] * positions])
    assert np.isfinite(score.log_probabilities).all()
