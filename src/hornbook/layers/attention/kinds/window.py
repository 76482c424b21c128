"""Window attention: each token attends to its neighborhood."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.attention.exact import exact_attention
from hornbook.layers.attention.kinds.kind import AttentionKind
from hornbook.layers.attention.probabilities import attention_probabilities
from hornbook.layers.attention.sequence_blocks import (
    join_blocks,
    merge_blocks,
    split_blocks,
    unmerge_blocks,
    with_neighbors,
)
from hornbook.layers.positions.relative import relative_scores, relative_values
from hornbook.layers.tensors import Policy, Tensor


@keras.saving.register_keras_serializable("hornbook")
class WindowAttention(AttentionKind):
    """Full attention to the tokens at most `window` positions away, on both sides or before.

    The sequence is divided into blocks of `window` tokens.  Each block attends to a band of itself
    and its neighbors: exactly full attention with a `window_attention_mask`.

    Args:
        window: Maximum distance, in positions.

    Call arguments:
        bias: Added to the scores, `(1, heads, window, keys)`, and
        relative: from `RelativePositions`, both of the positions of `band`.
    """

    options = ("window",)
    abilities = ("causal", "relative")
    summary = "full attention to the tokens nearby"

    def __init__(self, *, window: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window = window

    def band(self) -> tuple[Tensor, Tensor]:
        """Returns the positions of a block's queries and of its visible keys: `(1, any)` each."""
        window = self.window
        keys = ops.arange((2 if self.causal else 3) * window)
        return ops.arange(window, 2 * window)[None], keys[None]

    def call(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scale: float = 1.0,
        query_mask: Tensor = None,
        key_mask: Tensor = None,
        bias: Tensor = None,
        relative: Tensor = None,
        state: dict[str, Tensor] | None = None,
        training: bool | None = None,
    ) -> Tensor:
        batch, _, length, _ = ops.shape(query)
        if key_mask is None:
            key_mask = ops.ones((batch, ops.shape(key)[2]), "bool")
        keys = {
            "recent_key": key,
            "recent_value": value,
            "recent_mask": ops.cast(key_mask, "bool")[:, None, :, None],
        }
        if state is not None and query.shape[2] is not None and query.shape[2] <= self.window:
            keys = _joined(state, keys)
            outputs = self._attend(query, keys, scale, bias, relative)
            return outputs, self._last(keys)
        earlier = state or {}
        blocks = {
            name: merge_blocks(
                with_neighbors(
                    split_blocks(x, self.window), first=earlier.get(name), after=not self.causal
                )
            )
            for name, x in keys.items()
        }
        query = merge_blocks(split_blocks(query, self.window))
        outputs = self._attend(query, blocks, scale, bias, relative)
        outputs = join_blocks(unmerge_blocks(outputs, batch), length)
        return outputs if state is None else (outputs, self._last(_joined(state, keys)))

    def _attend(
        self, query: Tensor, keys: dict[str, Tensor], scale: float, bias: Tensor, relative: Tensor
    ) -> Tensor:
        """Attends from the first queries of a band to its first keys."""
        queries, count = ops.shape(query)[2], ops.shape(keys["recent_key"])[2]
        query_positions, key_positions = self.band()
        distance = key_positions[:, None, :count] - query_positions[:, :queries, None]
        visible = ops.abs(distance) <= self.window
        if self.causal:
            visible = ops.logical_and(visible, distance <= 0)
        mask = ops.logical_and(visible[:, None], ops.swapaxes(keys["recent_mask"], 2, 3))
        if bias is not None:
            bias = bias[:, :, :queries, :count]
        key, value = keys["recent_key"], keys["recent_value"]
        if relative is None:
            return exact_attention(query, key, value, mask=mask, bias=bias, scale=scale)
        relative = relative[:, :queries, :count]
        query = query * scale
        scores = ops.matmul(query, ops.swapaxes(key, 2, 3)) + relative_scores(query, relative)
        scores = ops.cast(scores, "float64" if query.dtype == "float64" else "float32")
        probabilities = ops.cast(attention_probabilities(scores, mask), value.dtype)
        return ops.matmul(probabilities, value) + relative_values(probabilities, relative)

    def _last(self, keys: dict[str, Tensor]) -> dict[str, Tensor]:
        """Returns the last `window` keys, which the next token can attend to."""
        return {name: x[:, :, -self.window :] for name, x in keys.items()}

    def empty_state(
        self, batch: Any, heads: int, head_size: int, value_size: int, dtype: Policy
    ) -> dict[str, Tensor]:
        return {
            "recent_key": ops.zeros((batch, heads, self.window, head_size), dtype),
            "recent_value": ops.zeros((batch, heads, self.window, value_size), dtype),
            "recent_mask": ops.zeros((batch, 1, self.window, 1), "bool"),
        }


def _joined(state: dict[str, Tensor], keys: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: ops.concatenate([state[name], ops.cast(x, state[name].dtype)], axis=2)
        for name, x in keys.items()
    }
