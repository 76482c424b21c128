"""A matrix kept in 8 or 4 bits a weight, and products with it in floating point.

Writing one text reads every weight once for each token, so the step is as long as the weights
are: in 8 bits a quarter.  Only weights are rounded, with a scale for each row (int8) or for 32
weights of a row (int4); what they are multiplied with is not.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from hornbook.layers.matrices.frozen import FrozenMatrix
from hornbook.layers.matrices.rounding import GROUP, LARGEST
from hornbook.layers.tensors import Shape, Tensor

PART = {"int8": 128, "int4": 32}  # rows that are made floats together: they stay in the cache


@keras.saving.register_keras_serializable("hornbook")
class RoundedMatrix(FrozenMatrix):
    """A `FrozenMatrix` of whole numbers and their scales, on every backend.

    Args:
        rows, columns, transposed: See `FrozenMatrix`.
        kind: `"int8"` or `"int4"`.
    """

    def __init__(self, rows: int, columns: int, kind: str, **kwargs: Any) -> None:
        super().__init__(rows, columns, kind, **kwargs)
        self._kernel: Any = None  # PyTorch's, with the numbers as it wants them

    def build(self, x_shape: Shape | None = None) -> None:
        # more rows than wanted, so that they come in parts of one size
        part = PART["int8"] if self.rows > PART["int8"] else 16
        rows, columns = -self.rows % part + self.rows, self.columns
        scales: tuple[int, ...] = (rows,)
        if self.kind == "int4":
            groups = -(-columns // GROUP)
            columns, scales = groups * GROUP // 2, (rows, groups)
        if self.kind == "int8":
            self._add_numbers(rows, columns, "int8", cut=keras.config.backend() == "jax")
        else:
            self._add_numbers(rows, columns, "uint8", cut=False)
        self.scales = self.add_weight(
            name="scales", shape=scales, initializer="zeros", trainable=False
        )

    def assign(self, value: Tensor) -> None:
        super().assign(value)
        self._kernel = None

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        self._kernel = None

    def _kept(self) -> list[keras.Variable]:
        return [*self.numbers, self.scales]

    def _values(self, matrix: np.ndarray) -> list[np.ndarray]:
        matrix = matrix.T if self.transposed else matrix
        columns = sum(part.shape[1] for part in self.numbers)
        numbers = np.zeros((self.scales.shape[0], columns), self.numbers[0].dtype)
        scales = np.zeros(self.scales.shape, "float32")
        for first in range(0, self.rows, 4096):  # a part at a time needs little memory
            part = np.ascontiguousarray(matrix[first : first + 4096], "float32")
            where = slice(first, first + len(part))
            if self.kind == "int8":
                numbers[where], scales[where] = _round(part, "int8")
                continue
            groups = scales.shape[1]
            part = np.pad(part, ((0, 0), (0, groups * GROUP - self.columns)))
            rounded, found = _round(part.reshape(-1, GROUP), "int4")
            low, high = np.split(rounded.reshape(len(part), -1) + 8, 2, axis=1)
            numbers[where] = (low | high << 4).astype("uint8")
            # PyTorch's kernel takes scales in bfloat16, so everywhere they have no more bits
            bits = found.reshape(len(part), -1).view("uint32") + 0x8000
            scales[where] = (bits & 0xFFFF0000).view("float32")
        return [*self._cut(numbers), scales]

    def call(self, x: Tensor) -> Tensor:
        return self._of_rows(ops.cast(x, "float32"), self._product)

    def _product(self, x: Tensor) -> Tensor:
        backend = keras.config.backend()
        if backend == "torch":
            return self._by_kernel(x)
        if self.kind == "int4":
            return self._by_parts(x)
        scales = ops.convert_to_tensor(self.scales)
        if backend == "jax":
            from hornbook.layers.matrices import frozen_jax

            return frozen_jax.product_of_bytes(x, self._parts(), scales)
        if x.shape[0] == 1:
            [numbers] = self._parts()
            # XLA makes one loop of this, which reads the bytes and nothing else
            return ops.matmul(x, ops.transpose(ops.cast(numbers, "float32"))) * scales
        return self._by_parts(x)

    def _by_kernel(self, x: Tensor) -> Tensor:
        """The product as PyTorch does it, which has no compiler to join rounding and product."""
        from hornbook.layers.matrices import rounded_torch

        if self._kernel is None:
            [numbers], scales = self.numbers, self.scales.value
            kernel = rounded_torch.kernel(self.kind, numbers.value, scales)
            self._kernel = kernel or self._plainly
        return self._kernel(x)

    def _plainly(self, x: Tensor) -> Tensor:
        [numbers] = self.numbers
        floats = _floats(numbers.value, self.scales.value, self.kind)
        return ops.matmul(x, ops.transpose(floats[:, : self.columns]))

    def _by_parts(self, x: Tensor) -> Tensor:
        """The product, a few rows of the matrix after the other."""
        [numbers], scales = self._parts(), ops.convert_to_tensor(self.scales)
        rows = numbers.shape[0]
        part = PART[self.kind] if rows > PART["int8"] else rows
        parts = rows // part

        def step(_: Any, of_part: Tensor) -> tuple[Tensor, Tensor]:
            numbers, scales = of_part
            floats = _floats(numbers, scales, self.kind)[:, : self.columns]
            product = ops.matmul(x, ops.transpose(floats))
            return product, product  # what is carried on must look the same in TensorFlow

        split = [ops.reshape(v, (parts, part, *v.shape[1:])) for v in (numbers, scales)]
        nothing = ops.zeros((ops.shape(x)[0], part))
        _, products = ops.scan(step, nothing, tuple(split), length=parts)
        return ops.reshape(ops.transpose(products, (1, 0, 2)), (-1, parts * part))

    def take(self, ids: Tensor) -> Tensor:
        flat = ops.reshape(ids, (-1,))
        numbers = super().take(flat)
        scales = ops.take(ops.convert_to_tensor(self.scales), flat, axis=0)
        rows = _floats(numbers, scales, self.kind)[:, : self.columns]
        return ops.reshape(rows, (*ops.shape(ids), self.columns))


def _round(rows: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers and what to multiply each row of them with."""
    largest = LARGEST[kind]
    numbers, per_unit = keras.quantizers.abs_max_quantize(
        rows, axis=1, value_range=(-largest, largest), to_numpy=True
    )
    per_unit = ops.convert_to_numpy(per_unit)[:, 0]
    return ops.convert_to_numpy(numbers), 1 / per_unit


def _floats(numbers: Tensor, scales: Tensor, kind: str) -> Tensor:
    """Rows of the matrix as it was, but for the rounding."""
    if kind == "int8":
        return ops.cast(numbers, "float32") * scales[:, None]
    low, high = ops.bitwise_and(numbers, 15), ops.right_shift(numbers, 4)
    numbers = ops.cast(ops.concatenate([low, high], axis=1), "float32") - 8.0
    groups = ops.reshape(numbers, (numbers.shape[0], -1, GROUP)) * scales[:, :, None]
    return ops.reshape(groups, (numbers.shape[0], -1))
