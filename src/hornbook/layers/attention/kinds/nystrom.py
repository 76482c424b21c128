"""Nyström attention: queries ask landmarks, and landmarks ask keys."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops

from hornbook.layers.attention.exact import exact_attention
from hornbook.layers.attention.kinds.kind import AttentionKind
from hornbook.layers.attention.landmarks import Segments, real_or_all
from hornbook.layers.attention.probabilities import attention_probabilities
from hornbook.layers.tensors import Shape, Tensor

ITERATIONS = 6
# six iterations make a small singular value (13 / 4) ** 6 times as large, as this ridge does
RIDGE = (4 / 13) ** ITERATIONS
INVERSES = ("iteration", "ridge")


@keras.saving.register_keras_serializable("hornbook")
class DoubleSoftmaxAttention(AttentionKind):
    """`softmax(Q K'^T) softmax(Q' K^T) V`, where `Q'` and `K'` are means of segments.

    Two ordinary attentions after one another, so no array of all tokens by all tokens is made.
    A text of no more real tokens than landmarks gets exactly full attention.

    Args:
        num_landmarks: Segments into which the real tokens are cut.

    Reference: https://kexue.fm/archives/8180
    """

    options: ClassVar[tuple[str, ...]] = ("num_landmarks",)
    abilities = ("cross",)
    summary = "queries ask segment means, these ask keys"

    def __init__(self, *, num_landmarks: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_landmarks = num_landmarks

    def call(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scale: float = 1.0,
        real_queries: Tensor = None,
        real_keys: Tensor = None,
        training: bool | None = None,
    ) -> Tensor:
        mask = None if real_keys is None else real_or_all(real_keys, key)[:, None, None]
        lengths = query.shape[2], key.shape[2]
        if any(length is not None and length <= self.num_landmarks for length in lengths):
            return exact_attention(query, key, value, mask=mask, scale=scale)
        keys = queries = Segments(real_keys, key, self.num_landmarks)
        alike = real_queries is real_keys and lengths[0] == lengths[1] and None not in lengths
        if not alike:
            queries = Segments(real_queries, query, self.num_landmarks)
        query_landmarks = ops.cast(queries.means(query), query.dtype)
        key_landmarks = ops.cast(keys.means(key), key.dtype)
        known = exact_attention(query_landmarks, key, value, mask=mask, scale=scale)
        asked = self.between(query_landmarks, key_landmarks, known, keys.there, scale)
        if keys.may_be_short:  # where each key is a landmark, its own value is known
            asked = ops.where(keys.single, keys.first(value), asked)
        attended = exact_attention(query, key_landmarks, asked, mask=keys.there, scale=scale)
        if queries.may_be_short and not alike:  # where each query is one, it has asked itself
            attended = ops.where(queries.single, queries.spread(known), attended)
        return attended

    def between(
        self,
        query_landmarks: Tensor,
        key_landmarks: Tensor,
        known: Tensor,
        there: Tensor,
        scale: float,
    ) -> Tensor:
        """What becomes of what the landmarks know, before the queries ask for it."""
        return known


@keras.saving.register_keras_serializable("hornbook")
class NystromAttention(DoubleSoftmaxAttention):
    """`softmax(Q K'^T) softmax(Q' K'^T)^-1 softmax(Q' K^T) V`, with a filter as the inverse.

    The iteration is stopped after six steps on purpose: it then inverts the singular values
    above 0.03 or so and damps the others, where an exact pseudo-inverse would blow up noise.

    Args:
        num_landmarks: Segments into which the real tokens are cut.
        landmark_inverse: `"iteration"`, or `"ridge"`, the least-squares solution with a
            penalty of about the same strength.
        value_convolution: Width of a convolution of the values along the text, a kernel for
            each head, whose result is added; it starts at zero.  None: there is none.

    References: https://arxiv.org/abs/2102.03902, https://kexue.fm/archives/8180
    """

    options = ("num_landmarks", "landmark_inverse", "value_convolution")
    summary = "and a small matrix between them, a damped inverse"

    def __init__(
        self,
        *,
        landmark_inverse: str = "iteration",
        value_convolution: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if landmark_inverse not in INVERSES:
            expected = " or ".join(INVERSES)
            raise ValueError(f"landmark_inverse is {landmark_inverse!r}, expected {expected}.")
        self.landmark_inverse = landmark_inverse
        self.value_convolution = value_convolution

    def build(
        self, query_shape: Shape, key_shape: Shape | None = None, value_shape: Shape | None = None
    ) -> None:
        if self.value_convolution is not None:
            self.convolution = self.add_weight(
                name="value_convolution",
                shape=(self.value_convolution, query_shape[1]),
                initializer="zeros",
            )

    def call(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scale: float = 1.0,
        real_queries: Tensor = None,
        real_keys: Tensor = None,
        training: bool | None = None,
    ) -> Tensor:
        attended = super().call(query, key, value, scale, real_queries, real_keys, training)
        if self.value_convolution is None:
            return attended
        if real_keys is not None:
            value = ops.where(real_or_all(real_keys, key)[:, None, :, None], value, 0)
        return attended + self._convolved(value)

    def _convolved(self, value: Tensor) -> Tensor:
        batch, heads, length, features = ops.shape(value)
        kernel = ops.repeat(ops.convert_to_tensor(self.convolution), features, axis=1)
        along = ops.reshape(ops.transpose(value, (0, 2, 1, 3)), (batch, length, heads * features))
        along = ops.depthwise_conv(along, ops.cast(kernel, value.dtype)[..., None], padding="same")
        return ops.transpose(ops.reshape(along, (batch, length, heads, features)), (0, 2, 1, 3))

    def between(
        self,
        query_landmarks: Tensor,
        key_landmarks: Tensor,
        known: Tensor,
        there: Tensor,
        scale: float,
    ) -> Tensor:
        # few numbers, but in half precision the iteration does not hold
        query_landmarks, key_landmarks = (
            ops.cast(x, "float32") for x in (query_landmarks, key_landmarks)
        )
        scores = ops.matmul(query_landmarks, ops.swapaxes(key_landmarks, 2, 3)) * scale
        matrix = attention_probabilities(scores, there)
        solve = damped_inverse if self.landmark_inverse == "iteration" else ridge_inverse
        return ops.cast(solve(matrix, ops.cast(known, "float32")), known.dtype)


def damped_inverse(matrix: Tensor, right: Tensor, iterations: int = ITERATIONS) -> Tensor:
    """Six steps towards the inverse of `matrix`, times `right`.

    Args:
        matrix: `(..., m, m)`, of rows that sum to 1.
        right: `(..., m, features)`.
        iterations: Steps; with many, in float32, the pseudo-inverse.
    """
    # of its own columns and not of the batch's, so that no text depends on another
    columns = ops.max(ops.sum(matrix, axis=-2, keepdims=True), axis=-1, keepdims=True)
    inverse = ops.swapaxes(matrix, -1, -2) / columns
    one = ops.eye(matrix.shape[-1], dtype=matrix.dtype)
    for _ in range(iterations):
        product = ops.matmul(matrix, inverse)
        inner = 15 * one - ops.matmul(product, 7 * one - product)
        inverse = 0.25 * ops.matmul(inverse, 13 * one - ops.matmul(product, inner))
    return ops.matmul(inverse, right)


def ridge_inverse(matrix: Tensor, right: Tensor) -> Tensor:
    """What comes nearest to the inverse of `matrix`, times `right`, and is not large.

    The penalty is that of `damped_inverse`: `(4/13)^6` times the largest sum of a column.
    """
    columns = ops.max(ops.sum(matrix, axis=-2, keepdims=True), axis=-1, keepdims=True)
    turned = ops.swapaxes(matrix, -1, -2)
    penalty = columns * RIDGE * ops.eye(matrix.shape[-1], dtype=matrix.dtype)
    return ops.linalg.solve(ops.matmul(turned, matrix) + penalty, ops.matmul(turned, right))
