"""The folder of every encoder family, loaded with another kind of attention."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

import hornbook
from hornbook.pretrained import Pretrained

IDS, REAL = np.array([[5, 6, 7, 8, 9, 0]]), np.array([[1, 1, 1, 1, 1, 0]])
# with a landmark per token, or a window over all tokens where distances count, attention is full
NYSTROM = {"attention": "nystrom", "num_landmarks": 6}
WINDOW = {"attention": "window", "window": 6}


@pytest.mark.one_of_each_kind
def test_each_family_is_loaded_with_its_weights_and_saved_with_the_new_kind(
    family, tiny_family, tmp_path
):
    layout = next(iter(family.weights))
    options = {"application": "encoder", "heads": ()}
    transformer = tiny_family(family, layout, num_hidden_layers=1, **options)
    Pretrained(transformer, None).save(tmp_path / "model", layout=layout)
    by_distance = family.choices.get("position_kind") in ("relative", "buckets")
    kind = WINDOW if by_distance else NYSTROM
    other = hornbook.load(tmp_path / "model", heads=(), **kind)
    other.save(tmp_path / "again", layout=layout)
    again = hornbook.load(tmp_path / "again", heads=())
    for model in (other.model, again.model):
        assert model.config.attention == kind["attention"]
        outputs, expected = (
            ops.convert_to_numpy(ops.cast(x(IDS, padding_mask=REAL), "float32"))[REAL > 0]
            for x in (model, transformer)
        )
        np.testing.assert_allclose(outputs, expected, atol=1e-4, rtol=1e-4)
