"""The weight tables of what bert4keras's users saved: its layers and the weights in them.

See `checkpoints/bert4keras/layer_names.py`.  The layout is read, and never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbook.models.tables.bert_rows import google_denses, without

_ATTENTION = {"query": "q", "key": "k", "value": "v", "output_dense": "o"}
# versions before 0.10 call the two dense layers dense_1 and dense_2
_PLAIN = {"intermediate": ("i0_dense", "dense_1"), "output_dense": ("o_dense", "dense_2")}
_GATED = {"gate": "i0_dense", "intermediate": "i1_dense", "output_dense": "o_dense"}


def bert4keras_table(block: str = "Transformer-{i}-") -> dict[str, Any]:
    """Returns the names of BERT's layers.

    Args:
        block: What the name of a block's layers begins with.
    """
    return {
        "token_embedding.embeddings": "Embedding-Token/embeddings",
        "segment_embedding.embeddings": "Embedding-Segment/embeddings",
        "position_embedding.embeddings": "Embedding-Position/embeddings",
        **bert4keras_norm("embedding_norm", "Embedding-Norm"),
        **_block("", block, _PLAIN),
        **google_denses({"pooler": "Pooler-Dense", "nsp": "NSP-Proba", "mlm.dense": "MLM-Dense"}),
        **bert4keras_norm("mlm.norm", "MLM-Norm"),
        "mlm.bias": ("MLM-Bias/beta", "MLM-Bias/bias", "MLM-Proba/bias"),  # 0.11, 0.7 and older
    }


def t5_bert4keras_table(*, gated: bool) -> dict[str, Any]:
    """Returns the names of the layers in T5's encoder; its decoder computes something else.

    Args:
        gated: Whether the feed-forward networks are gated.
    """
    table = {
        "token_embedding.embeddings": "Embedding-Token/embeddings",
        **_block("encoder.", "Encoder-Transformer-{i}-", _GATED if gated else _PLAIN),
        "encoder.positions.embeddings": "Encoder-Embedding-Relative-Position/embeddings",
        **bert4keras_norm("encoder.final_norm", "Encoder-Output-Norm"),
    }
    return without(table, "bias", "beta", "beta_kernel")


def _block(stack: str, block: str, feed_forward: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the rows of a block: its attention and its feed-forward network, with norms."""
    path, name = f"{stack}blocks.{{i}}.attention", f"{block}MultiHeadSelfAttention"
    denses = {f"{path}.{part}": f"{name}/{dense}_dense" for part, dense in _ATTENTION.items()}
    table = {**google_denses(denses), **bert4keras_norm(f"{path}_norm", f"{name}-Norm")}
    path, name = f"{stack}blocks.{{i}}.feed_forward", f"{block}FeedForward"
    for part, layers in feed_forward.items():
        spellings = (layers,) if isinstance(layers, str) else layers
        for weight in ("kernel", "bias"):
            rows = tuple(f"{name}/{dense}/{weight}" for dense in spellings)
            table[f"{path}.{part}.{weight}"] = rows if len(rows) > 1 else rows[0]
    return {**table, **bert4keras_norm(f"{path}_norm", f"{name}-Norm")}


def bert4keras_norm(ours: str, name: str) -> dict[str, Any]:
    """Returns the weights of a norm, with those of its condition."""
    return {
        f"{ours}.gamma": f"{name}/gamma",
        f"{ours}.beta": f"{name}/beta",
        **{
            f"{ours}.{part}_kernel": f"{name}/{part}_dense/kernel"
            for part in ("hidden", "beta", "gamma")
        },
    }
