"""How fast rotary positions turn for longer texts."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.errors import CheckpointError
from hornbook.layers.rotary_scaling import rotary_speeds


def test_linear_scaling_is_interpolation():
    scaled = rotary_speeds(8, scaling={"rope_type": "linear", "factor": 4.0})
    np.testing.assert_allclose(scaled, rotary_speeds(8) / 4)


def test_ntk_keeps_the_fastest_pair_and_slows_the_slowest_by_the_factor():
    plain, scaled = rotary_speeds(8), rotary_speeds(8, scaling={"type": "ntk", "factor": 4.0})
    assert scaled[0] == plain[0] == 1
    np.testing.assert_allclose(scaled[-1], plain[-1] / 4)
    assert (np.diff(scaled / plain) < 0).all()


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        ({"rope_type": "nkt", "factor": 2.0}, "asks for 'nkt'. Did you mean 'ntk'"),
        ({"rope_type": "linear"}, "factor of rope_scaling is None"),
        ({"rope_type": "linear", "factor": 0.5}, "factor of rope_scaling is 0.5"),
        ({"rope_type": "ntk", "factor": True}, "factor of rope_scaling is True"),
    ],
)
def test_what_cannot_be_computed_is_named(scaling, message):
    with pytest.raises(CheckpointError, match=message):
        rotary_speeds(8, scaling=scaling)
