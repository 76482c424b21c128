"""The types that annotations of layers use."""

from __future__ import annotations

from typing import Any, TypeAlias

# Keras has no common type: an array of NumPy or JAX, a tensor of PyTorch or TensorFlow, or a
# symbolic `keras.KerasTensor`
Tensor: TypeAlias = Any
# None is a dimension that is not known yet
Shape: TypeAlias = tuple[Any, ...]
# a name, a serialized one, or a `keras.initializers.Initializer`
Initializer: TypeAlias = Any
# a name, or a `keras.DTypePolicy`
Policy: TypeAlias = Any
