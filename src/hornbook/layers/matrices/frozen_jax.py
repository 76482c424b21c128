"""Products with a matrix of `(rows, columns)` in the forms that XLA computes fastest on a CPU."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from jax import lax
from jax import numpy as jnp

from hornbook.layers.tensors import Policy, Tensor


def product(x: Tensor, parts: Sequence[Tensor]) -> Tensor:
    """`x`, `(n, columns)`, times the transposed matrix -> `(n, rows)`, in float32.

    Args:
        x: Of any type of floats.
        parts: The matrix, `(rows, columns)`, cut from left to right; float32 or bfloat16.
    """
    return _over(parts, x, _of_floats)


def product_of_bytes(x: Tensor, parts: Sequence[Tensor], scales: Tensor) -> Tensor:
    """The same with a scale for each row of the matrix.

    Args:
        x: `(n, columns)` float32.
        parts: As above; int8.
        scales: `(rows,)` float32.
    """
    if len(x) == 1:
        return _over(parts, x, _of_one_row) * scales
    # XLA multiplies bytes faster than floats, so each number of `x` becomes two of them: what is
    # lost is far below what the weights have lost, and no row changes what another gets
    largest = jnp.maximum(jnp.abs(x).max(axis=1, keepdims=True), 1e-30)
    x = x * (127 / largest)
    high = jnp.round(x)
    low = jnp.round((x - high) * 254)
    both = jnp.concatenate([high, low]).astype(jnp.int8)
    whole = _over(parts, both, lambda x, numbers: _transposed(x, numbers, jnp.int32))
    high, low = jnp.split(whole.astype(jnp.float32), 2)
    return (high + low / 254) * (largest / 127) * scales


def _over(parts: Sequence[Tensor], x: Tensor, multiply: Callable[..., Any]) -> Tensor:
    """The sum of what `multiply` gives for each part and its columns of `x`."""
    edges = list(itertools.accumulate((part.shape[1] for part in parts), initial=0))
    return sum(
        multiply(x[:, begin:end], part)
        for (begin, end), part in zip(itertools.pairwise(edges), parts, strict=True)
    )


def _of_floats(x: Tensor, numbers: Tensor) -> Tensor:
    if len(x) == 1:
        return _of_one_row(x.astype(jnp.float32), numbers)
    x = x.astype(numbers.dtype)
    if numbers.dtype != jnp.float32:
        return _transposed(x, numbers, jnp.float32)
    # the matrix on the left needs no packing; unless it is told so, XLA turns the product round
    turned = lax.optimization_barrier(x.T)
    return lax.optimization_barrier(numbers @ turned).T


def _of_one_row(x: Tensor, numbers: Tensor) -> Tensor:
    """One loop that makes floats of the numbers as it reads them.

    XLA would also put whatever made `x` into that loop, to be computed for each row of the matrix
    again, which takes several times as long.  It puts nothing across the edge of a branch, so
    the product is one; the other is for a NaN, and is one too.
    """

    def multiply(x: Tensor) -> Tensor:
        return x @ numbers.astype(jnp.float32).T

    def spoil(x: Tensor) -> Tensor:
        return jnp.full((1, len(numbers)), jnp.nan)

    return lax.cond(x[0, 0] == x[0, 0], multiply, spoil, x)


def _transposed(x: Tensor, numbers: Tensor, dtype: Policy) -> Tensor:
    return lax.dot_general(x, numbers, (((1,), (1,)), ((), ())), preferred_element_type=dtype)
