"""The frequencies of rotary positions for longer texts."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.errors import CheckpointError
from hornbook.layers.positions.rotary_scaling import rotary_attention_factor, rotary_frequencies

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 256,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 256}


def test_linear_scaling_is_interpolation():
    scaled = rotary_frequencies(8, scaling={"rope_type": "linear", "factor": 4.0})
    np.testing.assert_allclose(scaled, rotary_frequencies(8) / 4)


def test_ntk_keeps_the_highest_frequency_and_divides_the_lowest_by_the_factor():
    plain = rotary_frequencies(8)
    scaled = rotary_frequencies(8, scaling={"type": "ntk", "factor": 4.0})
    assert scaled[0] == plain[0] == 1
    np.testing.assert_allclose(scaled[-1], plain[-1] / 4)
    assert (np.diff(scaled / plain) < 0).all()


@pytest.mark.parametrize("scaling", [LLAMA3, YARN])
def test_high_frequencies_are_kept_and_low_ones_divided_by_the_factor(scaling):
    plain, scaled = rotary_frequencies(32), rotary_frequencies(32, scaling=scaling)
    periods, ratio = plain * 256 / (2 * np.pi), scaled / plain
    high, low = (4, 1) if scaling is LLAMA3 else (32, 0.5)
    assert (periods > high).any()
    assert (periods < low).any()
    np.testing.assert_allclose(ratio[periods > high], 1)
    np.testing.assert_allclose(ratio[periods < low], 1 / scaling["factor"])
    assert (np.diff(ratio) <= 0).all()


@pytest.mark.parametrize(
    "scaling",
    [
        {"rope_type": "linear", "factor": 4.0},
        LLAMA3,
        YARN,
        {**YARN, "beta_fast": 16, "beta_slow": 2, "truncate": False},
        {**YARN, "attention_factor": 0.7, "finetuned": True},
        {**YARN, "mscale": 0.8, "mscale_all_dim": 0.5},
        {**YARN, "attention_factor": None, "original_max_position_embeddings": 4},
    ],
)
def test_every_kind_equals_that_of_transformers(scaling):
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    parameters = {**scaling, "rope_theta": 10000.0}
    config = transformers.LlamaConfig(
        hidden_size=32, num_attention_heads=1, rope_parameters=parameters
    )
    expected, factor = ROPE_INIT_FUNCTIONS[scaling["rope_type"]](config)
    np.testing.assert_allclose(rotary_frequencies(32, scaling=scaling), expected.numpy(), rtol=1e-5)
    assert rotary_attention_factor(scaling) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        ({"rope_type": "nkt", "factor": 2.0}, "type 'nkt'. Did you mean 'ntk'"),
        ({"rope_type": "linear"}, "factor of rope_scaling is None"),
        ({"rope_type": "linear", "factor": 0.5}, "factor of rope_scaling is 0.5"),
        ({"rope_type": "ntk", "factor": True}, "factor of rope_scaling is True"),
        ({"rope_type": "dynamic", "factor": 2.0}, "type 'dynamic'. Known: default, linear, "),
        ({"rope_type": "longrope", "short_factor": [1.0]}, "Unknown rope_scaling type 'longrope'"),
        ({**YARN, "original_max_position_embeddings": None}, "embeddings of rope_scaling is None"),
        ({**YARN, "beta_fats": 32}, "Unknown 'beta_fats' in .* Did you mean 'beta_fast'"),
        ({**YARN, "mscale": "1"}, "mscale of rope_scaling is '1', expected a number"),
        ({**LLAMA3, "low_freq_factor": 0}, "low_freq_factor of rope_scaling is 0"),
        ({"rope_type": "default", "partial_rotary_factor": 0.5}, "Unknown 'partial_rotary_factor'"),
    ],
)
def test_invalid_scaling_is_refused(scaling, message):
    with pytest.raises(CheckpointError, match=message):
        rotary_frequencies(8, scaling=scaling)
