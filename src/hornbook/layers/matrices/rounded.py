"""A matrix with 8 or 4 bits per weight, and products with it in floating point.

Generating one text reads every weight once per token, so the time of a step is proportional to the
size of the weights: with 8 bits a quarter.  Only weights are rounded, with a scale per row (int8)
or per 32 weights of a row (int4); activations are not.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from hornbook.layers.matrices.frozen import FrozenMatrix
from hornbook.layers.matrices.rounding import GROUP, LARGEST
from hornbook.layers.tensors import Shape, Tensor

PART = {
    "int8": 128,
    "int4": 32,
}  # rows that are converted to floats together: they stay in the cache


@keras.saving.register_keras_serializable("hornbook")
class RoundedMatrix(FrozenMatrix):
    """A `FrozenMatrix` of integers and their scales, on every backend.

    Args:
        rows, columns, transposed: See `FrozenMatrix`.
        kind: `"int8"` or `"int4"`.
    """

    def __init__(self, rows: int, columns: int, kind: str, **kwargs: Any) -> None:
        super().__init__(rows, columns, kind, **kwargs)
        self._kernel: Any = None  # PyTorch's, with the numbers in its own layout

    def build(self, x_shape: Shape | None = None) -> None:
        # padded to a multiple of the part, so that all parts have one size
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

    def _stored(self) -> list[keras.Variable]:
        return [*self.numbers, self.scales]

    def _values(self, matrix: np.ndarray) -> list[np.ndarray]:
        matrix = matrix.T if self.transposed else matrix
        columns = sum(part.shape[1] for part in self.numbers)
        numbers = np.zeros((self.scales.shape[0], columns), self.numbers[0].dtype)
        scales = np.zeros(self.scales.shape, "float32")
        for first in range(0, self.rows, 4096):  # in parts, to need little memory
            part = np.ascontiguousarray(matrix[first : first + 4096], "float32")
            where = slice(first, first + len(part))
            if self.kind == "int8":
                numbers[where], scales[where] = _round(part, "int8")
                continue
            groups = scales.shape[1]
            part = np.pad(part, ((0, 0), (0, groups * GROUP - self.columns)))
            rounded, group_scales = _round(part.reshape(-1, GROUP), "int4")
            low, high = np.split(rounded.reshape(len(part), -1) + 8, 2, axis=1)
            numbers[where] = (low | high << 4).astype("uint8")
            # PyTorch's kernel takes scales in bfloat16, so they have no more bits on any backend
            bits = group_scales.reshape(len(part), -1).view("uint32") + 0x8000
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
            # XLA fuses this into one loop that only reads the bytes
            return ops.matmul(x, ops.transpose(ops.cast(numbers, "float32"))) * scales
        return self._by_parts(x)

    def _by_kernel(self, x: Tensor) -> Tensor:
        """The product with PyTorch's kernel: no compiler fuses conversion and product there."""
        from hornbook.layers.matrices import rounded_torch

        if self._kernel is None:
            [numbers], scales = self.numbers, self.scales.value
            kernel = rounded_torch.kernel(self.kind, numbers.value, scales)
            self._kernel = kernel or self._by_matmul
        return self._kernel(x)

    def _by_matmul(self, x: Tensor) -> Tensor:
        [numbers] = self.numbers
        floats = _floats(numbers.value, self.scales.value, self.kind)
        return ops.matmul(x, ops.transpose(floats[:, : self.columns]))

    def _by_parts(self, x: Tensor) -> Tensor:
        """The product, computed for a few rows of the matrix at a time."""
        [numbers], scales = self._parts(), ops.convert_to_tensor(self.scales)
        rows = numbers.shape[0]
        part = PART[self.kind] if rows > PART["int8"] else rows
        parts = rows // part

        def step(_: Any, part: Tensor) -> tuple[Tensor, Tensor]:
            numbers, scales = part
            floats = _floats(numbers, scales, self.kind)[:, : self.columns]
            product = ops.matmul(x, ops.transpose(floats))
            return product, product  # on TensorFlow the carry must keep its shape and type

        inputs = tuple(ops.reshape(v, (parts, part, *v.shape[1:])) for v in (numbers, scales))
        initial = ops.zeros((ops.shape(x)[0], part))
        _, products = ops.scan(step, initial, inputs, length=parts)
        return ops.reshape(ops.transpose(products, (1, 0, 2)), (-1, parts * part))

    def take(self, ids: Tensor) -> Tensor:
        flat = ops.reshape(ids, (-1,))
        numbers = super().take(flat)
        scales = ops.take(ops.convert_to_tensor(self.scales), flat, axis=0)
        rows = _floats(numbers, scales, self.kind)[:, : self.columns]
        return ops.reshape(rows, (*ops.shape(ids), self.columns))


def _round(rows: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns integers, and the scale of each row."""
    largest = LARGEST[kind]
    numbers, per_unit = keras.quantizers.abs_max_quantize(
        rows, axis=1, value_range=(-largest, largest), to_numpy=True
    )
    per_unit = ops.convert_to_numpy(per_unit)[:, 0]
    return ops.convert_to_numpy(numbers), 1 / per_unit


def _floats(numbers: Tensor, scales: Tensor, kind: str) -> Tensor:
    """Returns rows of the matrix as floats."""
    if kind == "int8":
        return ops.cast(numbers, "float32") * scales[:, None]
    low, high = ops.bitwise_and(numbers, 15), ops.right_shift(numbers, 4)
    numbers = ops.cast(ops.concatenate([low, high], axis=1), "float32") - 8.0
    groups = ops.reshape(numbers, (numbers.shape[0], -1, GROUP)) * scales[:, :, None]
    return ops.reshape(groups, (numbers.shape[0], -1))
