"""Tiny models of every family in folders of their own."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.models.families import FAMILIES


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


@pytest.fixture
def weights_of():
    """Returns a function that returns the values of a layer's weights, by path."""
    from keras import ops

    from hornbook.models.variables import named_variables

    def values(layer):
        return {
            path: np.array(ops.convert_to_numpy(variable.value))
            for path, variable in named_variables(layer).items()
        }

    return values


@pytest.fixture
def outputs_of():
    """Returns a function that computes a Transformer's outputs for a small batch.

    These are the logits of its language head, if it has one.
    """
    from keras import ops

    def outputs(transformer):
        ids = np.array([[5, 6, 7, 8], [9, 10, 11, 12]])
        inputs = {"segment_ids": np.array([[0, 0, 1, 1], [0, 1, 1, 1]])}
        if transformer.config.application == "seq2seq":
            inputs["decoder_token_ids"] = ids[:, ::-1]
        x = transformer(ids, **inputs)
        x = x if transformer.mlm is None else transformer.mlm(x)
        return ops.convert_to_numpy(ops.cast(x, "float32"))

    return outputs
