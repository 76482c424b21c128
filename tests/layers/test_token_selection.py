from __future__ import annotations

import keras
import numpy as np
import pytest

from hornbook.layers.token_selection import TokenSelection

pytestmark = pytest.mark.backend


def test_each_row_takes_tokens_of_its_own():
    x = np.arange(24, dtype="float32").reshape(2, 4, 3)
    taken = keras.ops.convert_to_numpy(TokenSelection()(x, np.array([[3, 0], [1, 1]])))
    np.testing.assert_array_equal(taken, [x[0][[3, 0]], x[1][[1, 1]]])


def test_unknown_dimensions_stay_unknown():
    x, indices = keras.Input((None, 3)), keras.Input((None,), dtype="int32")
    assert TokenSelection()(x, indices).shape == (None, None, 3)
