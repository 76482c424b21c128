"""Kinds of attention that cost as much as the text is long, and not its square."""

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

# by the word of the configuration; `full` is none of them
KINDS: dict[str, type[AttentionKind]] = {
    "nystrom": NystromAttention,
    "double_softmax": DoubleSoftmaxAttention,
    "performer": PerformerAttention,
    "linear": LinearAttention,
    "window": WindowAttention,
    "window_landmarks": WindowLandmarksAttention,
}
# what not every kind is able to do, and how that is said
ABILITIES = {
    "causal": "see only what comes before",
    "cross": "look at another text",
    "relative": "know relative positions",
}


def cannot(kind: str, ability: str) -> str | None:
    """Why a kind has not an ability, and which kinds have it; None when it has.

    Args:
        kind: `"full"`, or one of `KINDS`.
        ability: One of `ABILITIES`.
    """
    if kind == "full" or ability in KINDS[kind].abilities:
        return None
    able = ["full", *(name for name, made in KINDS.items() if ability in made.abilities)]
    return f"attention {kind!r} cannot {ABILITIES[ability]}; {' or '.join(able)} can"


def make_kind(
    kind: str,
    options: Mapping[str, Any] | None = None,
    *,
    causal: bool = False,
    normalization: str = "softmax",
    dtype: Any = None,
) -> AttentionKind | None:
    """The layer of a kind; None for `"full"`.

    Args:
        kind: `"full"`, or one of `KINDS`.
        options: Those that the kind is made with.
        causal: Whether a token sees none that comes after it.
        normalization: See `attention_probabilities`.
        dtype: Keras's data type policy.

    Raises:
        ValueError: it is not able to, and who is.
    """
    kind = kind.replace("-", "_")  # as they were spelled before
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
    """What of `attention_probabilities` every kind has a form of."""
    return ("softmax",) if causal else ("softmax", "softmax_plus")


def scaled_by_length(query: Tensor, padding_mask: Tensor) -> Tensor:
    """The query as `softmax_plus` has it, where it sees all real tokens of a text."""
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
