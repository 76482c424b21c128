"""A matrix kept in 8 or 4 bits a weight, and products with it in floating point.

Writing one text reads every weight once for each token, so the step is as long as the weights
are: in 8 bits a quarter.  Only weights are rounded, with a scale for each row (int8) or for 32
weights of a row (int4); what they are multiplied with is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

LARGEST = {"int8": 127, "int4": 7}  # what a weight is rounded to at most
GROUP = 32  # weights that share a scale in int4
PART = {"int8": 128, "int4": 32}  # rows that are made floats together: they stay in the cache


class RoundedPolicy(keras.DTypePolicy):
    """Keras's policy of that name, for layers that keep their matrices in 8 or 4 bits.

    Args:
        name: What everything else is kept and computed in.
        rounded_to: `"int8"` or `"int4"`.
    """

    def __init__(self, name: str, rounded_to: str):
        super().__init__(name)
        self.rounded_to = rounded_to

    def get_config(self):
        return {**super().get_config(), "rounded_to": self.rounded_to}


def rounded_to(layer: keras.layers.Layer) -> str | None:
    """`"int8"` or `"int4"` if a layer keeps its matrices so, else None."""
    return getattr(layer.dtype_policy, "rounded_to", None)


@keras.saving.register_keras_serializable("hornbook")
class RoundedMatrix(keras.layers.Layer):
    """A matrix that is read from floats once and never trained.

    Args:
        rows: Of the matrix: what a product has as features, or the words of a vocabulary.
        columns: What is multiplied has so many features.
        kind: `"int8"` or `"int4"`.
        transposed: Whether the floats come as `(columns, rows)`, as Keras has its kernels.

    Call arguments:
        x: `(..., columns)`.

    Returns:
        `(..., rows)` in float32.
    """

    def __init__(self, rows: int, columns: int, kind: str, *, transposed: bool = False, **kwargs):
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.rows = rows
        self.columns = columns
        self.kind = kind
        self.transposed = transposed
        self._kernel: Any = None  # PyTorch's, with the numbers as it wants them

    @property
    def shape(self) -> tuple[int, int]:
        """Of the floats it is read from."""
        return (self.columns, self.rows) if self.transposed else (self.rows, self.columns)

    def build(self, x_shape=None):
        # more rows than wanted, so that they come in parts of one size
        part = PART["int8"] if self.rows > PART["int8"] else 16
        rows, columns = -self.rows % part + self.rows, self.columns
        scales: tuple[int, ...] = (rows,)
        if self.kind == "int4":
            groups = -(-columns // GROUP)
            columns, scales = groups * GROUP // 2, (rows, groups)
        self.numbers = self.add_weight(
            name="numbers",
            shape=(rows, columns),
            dtype="int8" if self.kind == "int8" else "uint8",
            initializer="zeros",
            trainable=False,
        )
        self.scales = self.add_weight(
            name="scales", shape=scales, initializer="zeros", trainable=False
        )

    def read(self, value: Callable[[], np.ndarray]) -> None:
        """Lets Keras make both variables of a matrix that has none yet, see `unbuilt`.

        Args:
            value: Gives the floats, of shape `shape`; it is called once.
        """
        found: dict[str, np.ndarray] = {}

        def numbers(shape, dtype):
            found["numbers"], found["scales"] = self._rounded(value())
            return found.pop("numbers")

        self.numbers._initializer = numbers
        self.scales._initializer = lambda shape, dtype: found.pop("scales")

    def assign(self, value) -> None:
        """Takes other floats, of shape `shape`."""
        numbers, scales = self._rounded(np.asarray(value))
        self.numbers.assign(numbers)
        self.scales.assign(scales)
        self._kernel = None

    def _rounded(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What `numbers` and `scales` are of a matrix."""
        matrix = matrix.T if self.transposed else matrix
        numbers = np.zeros(self.numbers.shape, self.numbers.dtype)
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
        return numbers, scales

    def call(self, x):
        x = ops.cast(x, "float32")
        flat = ops.reshape(x, (-1, self.columns))
        if keras.config.backend() == "torch":
            y = self._by_kernel(flat)
        elif self.kind == "int8" and flat.shape[0] == 1:
            # XLA makes one loop of this, which reads the bytes and nothing else
            numbers = ops.cast(ops.convert_to_tensor(self.numbers), "float32")
            y = ops.matmul(flat, ops.transpose(numbers)) * self.scales
        else:
            y = self._by_parts(flat)
        return ops.reshape(y[:, : self.rows], (*ops.shape(x)[:-1], self.rows))

    def _by_kernel(self, x):
        """The product as PyTorch does it, which has no compiler to join rounding and product."""
        from hornbook.layers import rounded_matrix_torch

        if self._kernel is None:
            numbers, scales = self.numbers.value, self.scales.value
            self._kernel = rounded_matrix_torch.kernel(self.kind, numbers, scales) or self._plainly
        return self._kernel(x)

    def _plainly(self, x):
        return ops.matmul(
            x,
            ops.transpose(
                _floats(self.numbers.value, self.scales.value, self.kind)[:, : self.columns]
            ),
        )

    def _by_parts(self, x):
        """The product, a few rows of the matrix after the other."""
        numbers, scales = (ops.convert_to_tensor(v) for v in (self.numbers, self.scales))
        rows = numbers.shape[0]
        part = PART[self.kind] if rows > PART["int8"] else rows
        parts = rows // part

        def step(_, of_part):
            numbers, scales = of_part
            floats = _floats(numbers, scales, self.kind)[:, : self.columns]
            product = ops.matmul(x, ops.transpose(floats))
            return product, product  # what is carried on must look the same in TensorFlow

        split = [ops.reshape(v, (parts, part, *v.shape[1:])) for v in (numbers, scales)]
        nothing = ops.zeros((ops.shape(x)[0], part))
        _, products = ops.scan(step, nothing, tuple(split), length=parts)
        return ops.reshape(ops.transpose(products, (1, 0, 2)), (-1, parts * part))

    def take(self, ids):
        """Rows of the matrix, for each number in `ids` one -> `(..., columns)`, in float32."""
        flat = ops.reshape(ids, (-1,))
        numbers = ops.take(ops.convert_to_tensor(self.numbers), flat, axis=0)
        scales = ops.take(ops.convert_to_tensor(self.scales), flat, axis=0)
        rows = _floats(numbers, scales, self.kind)[:, : self.columns]
        return ops.reshape(rows, (*ops.shape(ids), self.columns))

    def compute_output_shape(self, x_shape):
        return (*x_shape[:-1], self.rows)


def _round(rows: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers and what to multiply each row of them with."""
    largest = LARGEST[kind]
    numbers, per_unit = keras.quantizers.abs_max_quantize(
        rows, axis=1, value_range=(-largest, largest), to_numpy=True
    )
    per_unit = ops.convert_to_numpy(per_unit)[:, 0]
    return ops.convert_to_numpy(numbers), 1 / per_unit


def _floats(numbers, scales, kind: str):
    """Rows of the matrix as it was, but for the rounding."""
    if kind == "int8":
        return ops.cast(numbers, "float32") * scales[:, None]
    low, high = ops.bitwise_and(numbers, 15), ops.right_shift(numbers, 4)
    numbers = ops.cast(ops.concatenate([low, high], axis=1), "float32") - 8.0
    groups = ops.reshape(numbers, (numbers.shape[0], -1, GROUP)) * scales[:, :, None]
    return ops.reshape(groups, (numbers.shape[0], -1))
