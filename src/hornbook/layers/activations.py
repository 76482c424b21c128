"""Activations by the names that checkpoints use."""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras
from keras import ops

from hornbook.errors import CheckpointError, did_you_mean
from hornbook.layers.tensors import Tensor

# one name, two functions: Google's and Hugging Face's "gelu" is the exact one,
# "gelu_new" and its other names the tanh approximation
ACTIVATIONS = {
    "gelu": functools.partial(ops.gelu, approximate=False),
    "gelu_new": functools.partial(ops.gelu, approximate=True),
    "gelu_tanh": functools.partial(ops.gelu, approximate=True),
    "gelu_pytorch_tanh": functools.partial(ops.gelu, approximate=True),
    "linear": keras.activations.linear,
    "relu": ops.relu,
    "silu": ops.silu,
    "swish": ops.silu,
    "tanh": ops.tanh,
}


def activation(name: str | None) -> Callable[[Tensor], Tensor] | None:
    """The function behind a checkpoint's name for it; None for no activation.

    Raises:
        CheckpointError: for a name nobody knows.
    """
    if name is None:
        return None
    if not isinstance(name, str) or name not in ACTIVATIONS:
        near = did_you_mean(str(name), ACTIVATIONS)
        raise CheckpointError(f"Unknown activation {name!r}. {near}")
    return ACTIVATIONS[name]
