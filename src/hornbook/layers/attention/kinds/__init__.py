"""Kinds of attention whose cost grows linearly with the length of the sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from hornbook.layers.attention.kinds.kind import AttentionKind
from hornbook.layers.attention.kinds.linear import LinearAttention
from hornbook.layers.attention.kinds.nystrom import DoubleSoftmaxAttention, NystromAttention
from hornbook.layers.attention.kinds.performer import PerformerAttention
from hornbook.layers.attention.kinds.window import WindowAttention
from hornbook.layers.attention.kinds.window_landmarks import WindowLandmarksAttention
from hornbook.layers.attention.probabilities import sharpness
from hornbook.layers.tensors import Tensor

# by their name in a configuration; `full` is exact attention
KINDS: dict[str, type[AttentionKind]] = {
    "nystrom": NystromAttention,
    "double_softmax": DoubleSoftmaxAttention,
    "performer": PerformerAttention,
    "linear": LinearAttention,
    "window": WindowAttention,
    "window_landmarks": WindowLandmarksAttention,
}
# abilities that some kinds lack, and how messages name them
ABILITIES = {
    "causal": "be causal",
    "cross": "attend to another sequence",
    "relative": "use relative positions",
}


def cannot(kind: str, ability: str) -> str | None:
    """Returns a message if a kind lacks an ability, with the kinds that have it; else None.

    Args:
        kind: `"full"`, or one of `KINDS`.
        ability: One of `ABILITIES`.
    """
    if kind == "full" or ability in KINDS[kind].abilities:
        return None
    kinds = ["full", *(name for name, cls in KINDS.items() if ability in cls.abilities)]
    return f"attention {kind!r} cannot {ABILITIES[ability]}; {' or '.join(kinds)} can"


def make_kind(
    kind: str,
    options: Mapping[str, Any] | None = None,
    *,
    causal: bool = False,
    normalization: str = "softmax",
    dtype: Any = None,
) -> AttentionKind | None:
    """Returns the layer of a kind; None for `"full"`.

    Args:
        kind: `"full"`, or one of `KINDS`.
        options: Constructor arguments of the kind.
        causal: Whether a token attends only to itself and earlier tokens.
        normalization: See `attention_probabilities`.
        dtype: Keras's data type policy.

    Raises:
        ValueError: the kind is unknown, or cannot do this; the message names the kinds that can.
    """
    kind = kind.replace("-", "_")  # the old spelling
    if kind == "full":
        return None
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, expected full or {' or '.join(KINDS)}.")
    if causal and (refusal := cannot(kind, "causal")):
        raise ValueError(refusal)
    if normalization not in normalizations(causal):
        raise ValueError(f"attention {kind!r} cannot compute {normalization}; full can.")
    return KINDS[kind](causal=causal, dtype=dtype, name="kind", **(options or {}))


def normalizations(causal: bool) -> tuple[str, ...]:
    """Returns the normalizations of `attention_probabilities` that every kind supports."""
    return ("softmax",) if causal else ("softmax", "softmax_plus")


def scaled_by_length(query: Tensor, padding_mask: Tensor) -> Tensor:
    """Returns the query scaled as in `softmax_plus`, when all tokens but padding are visible."""
    if padding_mask is None:
        visible = ops.convert_to_tensor(ops.shape(query)[2])
    else:
        visible = ops.sum(ops.cast(padding_mask, "int32"), axis=1)[:, None, None, None]
    return query * ops.cast(sharpness(visible), query.dtype)


__all__ = [
    "ABILITIES",
    "KINDS",
    "AttentionKind",
    "cannot",
    "make_kind",
    "normalizations",
    "scaled_by_length",
]
