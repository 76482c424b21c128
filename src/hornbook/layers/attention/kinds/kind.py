"""What every kind of attention is: a layer from query, key and value to what is attended."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops

from hornbook.layers.positions.rotary import rotate
from hornbook.layers.tensors import Shape, Tensor


class AttentionKind(keras.layers.Layer):
    """From query, key and value to the values attended, in place of exact attention.

    Args:
        causal: Whether a token sees none that comes after it.

    Call arguments:
        query: `(batch, heads, queries, head_size)`.
        key: `(batch, heads, keys, head_size)`.
        value: `(batch, heads, keys, value_size)`.
        scale: Factor of the product of query and key.
        real_queries: `(batch, queries)`, True or 1 at real tokens; None: all are.
        real_keys: `(batch, keys)`.  What is not real has exactly zero influence.
        rotary, rotary_pairs: See `rotate`; for a kind that `turns_features`.  Others get query
            and key that are turned already.
        bias, relative: What the positions of `band` are worth, for a kind that is able to
            know them; see `WindowAttention`.
        state: What earlier tokens left, of `empty_state` or an earlier call; causal only.
        training: Whether it is being trained.

    Returns:
        `(batch, heads, queries, value_size)`; with `state` also the state that these tokens are
        in.
    """

    options: ClassVar[tuple[str, ...]] = ()  # what it is made with, by its name in a configuration
    abilities: ClassVar[tuple[str, ...]] = ()  # any of `ABILITIES`
    turns_features: ClassVar[bool] = False  # whether rotary positions turn its features
    summary: ClassVar[str] = ""  # in a line

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
        """The call, with query and key that are not turned yet; options of None are left out."""
        if rotary is not None and self.turns_features:
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
        """What it keeps of the tokens it has seen, for none."""
        raise ValueError(f"{type(self).__name__} keeps no state: it sees what comes later.")

    def compute_output_shape(
        self, query_shape: Shape, key_shape: Shape, value_shape: Shape
    ) -> Shape:
        return (*query_shape[:-1], value_shape[-1])
