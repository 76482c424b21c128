"""Type aliases for the annotations of layers."""

from __future__ import annotations

from typing import Any, TypeAlias

# an array of NumPy or JAX, a tensor of PyTorch or TensorFlow (Keras has no common type), or a
# symbolic `keras.KerasTensor`
Tensor: TypeAlias = Any
# None is a dimension that is not known yet
Shape: TypeAlias = tuple[Any, ...]
# a name, a serialized one, or a `keras.initializers.Initializer`
Initializer: TypeAlias = Any
# a name, or a `keras.DTypePolicy`
Policy: TypeAlias = Any
