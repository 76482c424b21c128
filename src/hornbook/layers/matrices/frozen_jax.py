"""Products with a `(rows, columns)` matrix in the forms that XLA computes fastest on a CPU."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from jax import lax
from jax import numpy as jnp

from hornbook.layers.tensors import Policy, Tensor


def product(x: Tensor, parts: Sequence[Tensor]) -> Tensor:
    """Multiplies `x`, `(n, columns)`, with the transposed matrix -> `(n, rows)`, in float32.

    Args:
        x: Floats of any type.
        parts: The matrix, `(rows, columns)`, split along its columns; float32 or bfloat16.
    """
    return _over(parts, x, _of_floats)


def product_of_bytes(x: Tensor, parts: Sequence[Tensor], scales: Tensor) -> Tensor:
    """The same for int8, with a scale per row of the matrix.

    Args:
        x: `(n, columns)` float32.
        parts: See `product`; int8.
        scales: `(rows,)` float32.
    """
    if len(x) == 1:
        return _over(parts, x, _of_one_row) * scales
    # XLA multiplies int8 faster than floats, so each number of `x` becomes two int8: the error is
    # far below that of the rounded weights, and no row depends on another
    largest = jnp.maximum(jnp.abs(x).max(axis=1, keepdims=True), 1e-30)
    x = x * (127 / largest)
    high = jnp.round(x)
    low = jnp.round((x - high) * 254)
    halves = jnp.concatenate([high, low]).astype(jnp.int8)
    products = _over(parts, halves, lambda x, numbers: _transposed(x, numbers, jnp.int32))
    high, low = jnp.split(products.astype(jnp.float32), 2)
    return (high + low / 254) * (largest / 127) * scales


def _over(parts: Sequence[Tensor], x: Tensor, multiply: Callable[..., Any]) -> Tensor:
    """Returns the sum of `multiply` over the parts and their columns of `x`."""
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
    # a matrix on the left needs no packing; without the barriers, XLA swaps the operands
    columns = lax.optimization_barrier(x.T)
    return lax.optimization_barrier(numbers @ columns).T


def _of_one_row(x: Tensor, numbers: Tensor) -> Tensor:
    """Multiplies in one loop that converts the numbers to floats as it reads them.

    XLA would also fuse the computation of `x` into that loop, and repeat it for each row of the
    matrix, which takes several times as long.  It does not fuse across the edge of a branch, so
    the product is in one; the other branch returns NaN for NaN.
    """

    def multiply(x: Tensor) -> Tensor:
        return x @ numbers.astype(jnp.float32).T

    def nans(x: Tensor) -> Tensor:
        return jnp.full((1, len(numbers)), jnp.nan)

    return lax.cond(x[0, 0] == x[0, 0], multiply, nans, x)


def _transposed(x: Tensor, numbers: Tensor, dtype: Policy) -> Tensor:
    return lax.dot_general(x, numbers, (((1,), (1,)), ((), ())), preferred_element_type=dtype)
