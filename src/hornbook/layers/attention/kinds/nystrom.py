"""Nyström attention: queries attend to landmarks, and landmarks to keys."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops

from hornbook.layers.attention.exact import exact_attention
from hornbook.layers.attention.kinds.kind import AttentionKind
from hornbook.layers.attention.landmarks import Segments, mask_or_ones
from hornbook.layers.attention.probabilities import attention_probabilities
from hornbook.layers.tensors import Shape, Tensor

ITERATIONS = 6
# six iterations multiply a small singular value by (13 / 4) ** 6; this ridge has the same effect
RIDGE = (4 / 13) ** ITERATIONS
INVERSES = ("iteration", "ridge")


@keras.saving.register_keras_serializable("hornbook")
class DoubleSoftmaxAttention(AttentionKind):
    """`softmax(Q K'^T) softmax(Q' K^T) V`, where `Q'` and `K'` are means of segments.

    Two ordinary attentions in succession, so the scores of all tokens by all tokens are never
    computed.  A sequence with at most as many tokens as landmarks gets exactly full attention.

    Args:
        num_landmarks: Number of segments that the tokens are divided into.

    Reference: https://kexue.fm/archives/8180
    """

    options: ClassVar[tuple[str, ...]] = ("num_landmarks",)
    abilities = ("cross",)
    summary = "queries attend to segment means, and these to keys"

    def __init__(self, *, num_landmarks: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_landmarks = num_landmarks

    def call(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scale: float = 1.0,
        query_mask: Tensor = None,
        key_mask: Tensor = None,
        training: bool | None = None,
    ) -> Tensor:
        mask = None if key_mask is None else mask_or_ones(key_mask, key)[:, None, None]
        lengths = query.shape[2], key.shape[2]
        if any(length is not None and length <= self.num_landmarks for length in lengths):
            return exact_attention(query, key, value, mask=mask, scale=scale)
        keys = queries = Segments(key_mask, key, self.num_landmarks)
        same_tokens = query_mask is key_mask and lengths[0] == lengths[1] and None not in lengths
        if not same_tokens:
            queries = Segments(query_mask, query, self.num_landmarks)
        query_landmarks = ops.cast(queries.means(query), query.dtype)
        key_landmarks = ops.cast(keys.means(key), key.dtype)
        means = exact_attention(query_landmarks, key, value, mask=mask, scale=scale)
        values = self.landmark_values(query_landmarks, key_landmarks, means, keys.mask, scale)
        if keys.may_be_short:  # if every key is a landmark, its value is its own
            values = ops.where(keys.are_tokens, keys.first(value), values)
        outputs = exact_attention(query, key_landmarks, values, mask=keys.mask, scale=scale)
        if queries.may_be_short and not same_tokens:  # if every query is a landmark
            outputs = ops.where(queries.are_tokens, queries.spread(means), outputs)
        return outputs

    def landmark_values(
        self,
        query_landmarks: Tensor,
        key_landmarks: Tensor,
        means: Tensor,
        mask: Tensor,
        scale: float,
    ) -> Tensor:
        """Returns the values of the landmarks, from the means that they attended to."""
        return means


@keras.saving.register_keras_serializable("hornbook")
class NystromAttention(DoubleSoftmaxAttention):
    """`softmax(Q K'^T) softmax(Q' K'^T)^-1 softmax(Q' K^T) V`, with a filter as the inverse.

    The iteration is stopped after six steps on purpose: it then inverts the singular values
    above about 0.03 and damps the others, where an exact pseudo-inverse would amplify noise.

    Args:
        num_landmarks: Number of segments that the tokens are divided into.
        landmark_inverse: `"iteration"`, or `"ridge"`, the least-squares solution with a
            penalty of about the same strength.
        value_convolution: Width of a convolution of the values along the sequence, with a kernel
            per head, whose result is added; it starts at zero.  Defaults to no convolution.

    References: https://arxiv.org/abs/2102.03902, https://kexue.fm/archives/8180
    """

    options = ("num_landmarks", "landmark_inverse", "value_convolution")
    summary = "the same, with the damped inverse of a small matrix in between"

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
        query_mask: Tensor = None,
        key_mask: Tensor = None,
        training: bool | None = None,
    ) -> Tensor:
        outputs = super().call(query, key, value, scale, query_mask, key_mask, training)
        if self.value_convolution is None:
            return outputs
        if key_mask is not None:
            value = ops.where(mask_or_ones(key_mask, key)[:, None, :, None], value, 0)
        return outputs + self._convolved(value)

    def _convolved(self, value: Tensor) -> Tensor:
        batch, heads, length, features = ops.shape(value)
        kernel = ops.repeat(ops.convert_to_tensor(self.convolution), features, axis=1)
        x = ops.reshape(ops.transpose(value, (0, 2, 1, 3)), (batch, length, heads * features))
        x = ops.depthwise_conv(x, ops.cast(kernel, value.dtype)[..., None], padding="same")
        return ops.transpose(ops.reshape(x, (batch, length, heads, features)), (0, 2, 1, 3))

    def landmark_values(
        self,
        query_landmarks: Tensor,
        key_landmarks: Tensor,
        means: Tensor,
        mask: Tensor,
        scale: float,
    ) -> Tensor:
        # the matrix is small, and in half precision the iteration diverges
        query_landmarks, key_landmarks = (
            ops.cast(x, "float32") for x in (query_landmarks, key_landmarks)
        )
        scores = ops.matmul(query_landmarks, ops.swapaxes(key_landmarks, 2, 3)) * scale
        matrix = attention_probabilities(scores, mask)
        solve = damped_inverse if self.landmark_inverse == "iteration" else ridge_inverse
        return ops.cast(solve(matrix, ops.cast(means, "float32")), means.dtype)


def damped_inverse(matrix: Tensor, right: Tensor, iterations: int = ITERATIONS) -> Tensor:
    """Approximates the inverse of `matrix` in six iterations; returns it times `right`.

    Args:
        matrix: `(..., m, m)`, of rows that sum to 1.
        right: `(..., m, features)`.
        iterations: Number of iterations; with many, in float32, it is the pseudo-inverse.
    """
    # per matrix and not per batch, so that no sequence depends on another
    columns = ops.max(ops.sum(matrix, axis=-2, keepdims=True), axis=-1, keepdims=True)
    inverse = ops.swapaxes(matrix, -1, -2) / columns
    one = ops.eye(matrix.shape[-1], dtype=matrix.dtype)
    for _ in range(iterations):
        product = ops.matmul(matrix, inverse)
        inner = 15 * one - ops.matmul(product, 7 * one - product)
        inverse = 0.25 * ops.matmul(inverse, 13 * one - ops.matmul(product, inner))
    return ops.matmul(inverse, right)


def ridge_inverse(matrix: Tensor, right: Tensor) -> Tensor:
    """Returns the least-squares solution of `matrix @ y = right` with a penalty on large values.

    The penalty is that of `damped_inverse`: `(4/13)^6` times the largest sum of a column.
    """
    columns = ops.max(ops.sum(matrix, axis=-2, keepdims=True), axis=-1, keepdims=True)
    transposed = ops.swapaxes(matrix, -1, -2)
    penalty = columns * RIDGE * ops.eye(matrix.shape[-1], dtype=matrix.dtype)
    return ops.linalg.solve(ops.matmul(transposed, matrix) + penalty, ops.matmul(transposed, right))
