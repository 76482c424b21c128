"""The language heads and the discriminator."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.models.variables import named_variables

pytestmark = pytest.mark.backend


def test_the_masked_language_model_head_uses_the_shared_token_embedding(tiny_transformer):
    transformer = tiny_transformer(hidden_act="relu")
    x = np.random.default_rng(0).normal(size=(2, 3, 12)).astype("float32")
    weights = {
        path: ops.convert_to_numpy(variable.value)
        for path, variable in named_variables(transformer).items()
    }
    h = np.maximum(x @ weights["mlm.dense.kernel"] + weights["mlm.dense.bias"], 0)
    h = (h - h.mean(-1, keepdims=True)) / h.std(-1, keepdims=True)
    h = h * weights["mlm.norm.gamma"] + weights["mlm.norm.beta"]
    expected = h @ weights["token_embedding.embeddings"].T + weights["mlm.bias"]
    logits = transformer.mlm(x)
    np.testing.assert_allclose(ops.convert_to_numpy(logits), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("compute_dtype", ["float16", "bfloat16"])
def test_logits_are_float32_in_half_precision(tiny_transformer, compute_dtype):
    transformer = tiny_transformer(compute_dtype=compute_dtype)
    logits = transformer.mlm(transformer(np.array([[1, 2, 3]])))
    assert "float32" in str(logits.dtype)


def test_shared_weights_are_not_counted_twice(tiny_transformer):
    transformer = tiny_transformer()
    assert len({id(v) for v in transformer.weights}) == len(transformer.weights)
    assert not any("embeddings" in path for path in named_variables(transformer.mlm))


def test_the_tied_head_is_the_token_embedding_alone(tiny_transformer):
    transformer = tiny_transformer(language_head="tied")
    assert not named_variables(transformer.mlm)
    x = np.random.default_rng(0).normal(size=(2, 3, 12)).astype("float32")
    table = ops.convert_to_numpy(transformer.token_embedding.embeddings.value)
    logits = ops.convert_to_numpy(transformer.mlm(x))
    np.testing.assert_allclose(logits, x @ table.T, rtol=1e-4, atol=1e-5)


def test_the_discriminator_has_one_logit_per_token_in_float32(tiny_transformer):
    transformer = tiny_transformer(heads=("discriminator",), compute_dtype="bfloat16")
    logits = transformer.discriminator(transformer(np.array([[1, 2, 3]])))
    assert tuple(logits.shape) == (1, 3)
    assert "float32" in str(logits.dtype)
