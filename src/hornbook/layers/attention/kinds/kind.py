"""The base class of every kind of attention."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops

from hornbook.layers.positions.rotary import rotate
from hornbook.layers.tensors import Shape, Tensor


class AttentionKind(keras.layers.Layer):
    """Attention from query, key and value, in place of exact attention.

    Args:
        causal: Whether a token attends only to itself and earlier tokens.

    Call arguments:
        query: `(batch, heads, queries, head_size)`.
        key: `(batch, heads, keys, head_size)`.
        value: `(batch, heads, keys, value_size)`.
        scale: Factor of the product of query and key.
        query_mask: `(batch, queries)`, True or 1 at tokens, False or 0 at padding.  Defaults to no
            padding.
        key_mask: `(batch, keys)`, likewise.  Padding has exactly zero influence.
        rotary, rotary_pairs: See `rotate`; for a kind that `rotates_features`.  Other kinds get
            query and key that are rotated already.
        bias, relative: Bias or vectors for the positions of `band`, for a kind that supports
            relative positions; see `WindowAttention`.
        state: State of the earlier tokens, from `empty_state` or an earlier call; causal only.
        training: Whether the layer is called in training.

    Returns:
        `(batch, heads, queries, value_size)`; with `state` also the state after these tokens.
    """

    options: ClassVar[tuple[str, ...]] = ()  # constructor arguments, by their configuration name
    abilities: ClassVar[tuple[str, ...]] = ()  # any of `ABILITIES`
    rotates_features: ClassVar[bool] = False  # whether rotary positions rotate its features
    summary: ClassVar[str] = ""  # one line

    def __init__(self, *, causal: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.causal = causal

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "causal": self.causal,
            **{name: getattr(self, name) for name in self.options},
        }

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        rotary: Tensor = None,
        rotary_pairs: str = "interleaved",
        **options: Any,
    ) -> Tensor:
        """Calls the layer with rotary positions applied, and without the options that are None."""
        if rotary is not None and self.rotates_features:
            options |= {"rotary": rotary, "rotary_pairs": rotary_pairs}
        elif rotary is not None:
            query, key = (rotate(x, rotary, rotary_pairs) for x in (query, key))
        groups = query.shape[1] // key.shape[1]
        if groups > 1:  # several heads of the query share one of key and value
            key, value = (ops.repeat(x, groups, axis=1) for x in (key, value))
        options = {name: x for name, x in options.items() if x is not None}
        return self(query, key, value, **options)

    def build(
        self, query_shape: Shape, key_shape: Shape | None = None, value_shape: Shape | None = None
    ) -> None:
        """Most kinds have no weights."""

    def empty_state(
        self, batch: int, heads: int, head_size: int, value_size: int, dtype: str
    ) -> dict[str, Any]:
        """Returns the state before the first token."""
        raise ValueError(f"{type(self).__name__} has no state: it attends to later tokens.")

    def compute_output_shape(
        self, query_shape: Shape, key_shape: Shape, value_shape: Shape
    ) -> Shape:
        return (*query_shape[:-1], value_shape[-1])
