"""Activations by their names in checkpoints."""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras
from keras import ops

from hornbook.errors import CheckpointError, did_you_mean
from hornbook.layers.tensors import Tensor

# Google's and Hugging Face's "gelu" is the exact function; "gelu_new" and its other names are the
# tanh approximation
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
    """Returns the activation function of that name; None for no activation.

    Raises:
        CheckpointError: the name is unknown.
    """
    if name is None:
        return None
    if not isinstance(name, str) or name not in ACTIVATIONS:
        suggestion = did_you_mean(str(name), ACTIVATIONS)
        raise CheckpointError(f"Unknown activation {name!r}. {suggestion}")
    return ACTIVATIONS[name]
