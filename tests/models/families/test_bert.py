"""BERT, against its formulas in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from keras import ops

from hornbook.models.variables import named_variables

pytestmark = pytest.mark.backend

IDS = np.array([[5, 6, 7, 8, 9], [9, 10, 11, 0, 0]])
SEGMENTS = np.array([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]])
_erf = np.vectorize(math.erf)


class NumpyBert:
    """The model of the paper in float64, with our weights."""

    def __init__(self, transformer):
        self.config = transformer.config
        self.weights = {
            path: ops.convert_to_numpy(variable.value).astype("float64")
            for path, variable in named_variables(transformer).items()
        }

    def dense(self, path, x):
        return x @ self.weights[f"{path}.kernel"] + self.weights[f"{path}.bias"]

    def norm(self, path, x):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * self.weights[f"{path}.gamma"] + self.weights[f"{path}.beta"]

    def attention(self, path, x, mask):
        heads = self.config.num_attention_heads
        query, key, value = (
            np.split(self.dense(f"{path}.{name}", x), heads, axis=-1)
            for name in ("query", "key", "value")
        )
        outputs = []
        for q, k, v in zip(query, key, value, strict=True):
            scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
            scores = np.exp(np.where(mask[:, None], scores, -np.inf))
            outputs.append(scores / scores.sum(-1, keepdims=True) @ v)
        return self.dense(f"{path}.output_dense", np.concatenate(outputs, -1))

    def encode(self, ids, segments, mask):
        x = self.norm(
            "embedding_norm",
            self.weights["token_embedding.embeddings"][ids]
            + self.weights["segment_embedding.embeddings"][segments]
            + self.weights["position_embedding.embeddings"][: ids.shape[1]],
        )
        for index in range(self.config.num_hidden_layers):
            block = f"blocks.{index}"
            x = self.norm(
                f"{block}.attention_norm", x + self.attention(f"{block}.attention", x, mask)
            )
            hidden = gelu(self.dense(f"{block}.feed_forward.intermediate", x))
            x = self.norm(
                f"{block}.feed_forward_norm",
                x + self.dense(f"{block}.feed_forward.output_dense", hidden),
            )
        return x

    def heads(self, x):
        pooled = np.tanh(self.dense("pooler", x[:, 0]))
        hidden = self.norm("mlm.norm", gelu(self.dense("mlm.dense", x)))
        logits = hidden @ self.weights["token_embedding.embeddings"].T + self.weights["mlm.bias"]
        return pooled, logits, self.dense("nsp", pooled)


def gelu(x):
    return 0.5 * x * (1 + _erf(x / math.sqrt(2)))


def test_bert_and_its_heads_compute_the_papers_formulas(tiny_transformer):
    transformer = tiny_transformer()
    reference = NumpyBert(transformer)
    mask = IDS > 0
    expected = reference.encode(IDS, SEGMENTS, mask)
    x = transformer(IDS, segment_ids=SEGMENTS, padding_mask=mask)
    np.testing.assert_allclose(ops.convert_to_numpy(x)[mask], expected[mask], atol=1e-5)
    pooled = transformer.pool(x)
    heads = [pooled, transformer.mlm(x), transformer.nsp(pooled)]
    for output, expected_output in zip(heads, reference.heads(expected), strict=True):
        output = ops.convert_to_numpy(output)
        if output.ndim == 3:  # logits per token; those of padding are meaningless
            output, expected_output = output[mask], expected_output[mask]
        np.testing.assert_allclose(output, expected_output, atol=1e-5)
