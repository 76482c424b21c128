"""Gradient checkpointing: less memory for more time, as blocks are recomputed for the gradient."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.tensors import Tensor

# Arguments of a block with gradients, besides `x`; the others are indices, masks and angles.
DIFFERENTIABLE = ("condition", "attention_bias", "encoded")
DRAWS = 16  # at least the number of seeds that a dropout layer of a block uses in one call


def recomputed(block: Any, x: Tensor, **arguments: Any) -> Tensor:
    """Returns `block(x, **arguments)`, and only keeps `x` until the gradient is computed.

    Keras's `RematScope` wraps a layer's `call`, which on JAX turns `training` into a tensor and
    leaks the states of dropout.  So `keras.remat` is used directly here: everything with a gradient
    is an argument, as TensorFlow requires, and random states are constant, so that the same
    features are dropped both times.  On TensorFlow the weights are arguments as well: its graph
    optimizer may move the optimizer's update before a second read of a variable.

    Args:
        block: A built layer.
        x: `(batch, length, features)`.
        arguments: See `Block`; without `memory`.

    Returns:
        The output of `block`.

    Reference: https://arxiv.org/abs/1604.06174
    """
    inputs = {name: arguments.pop(name) for name in DIFFERENTIABLE if name in arguments}
    inputs = {name: tensor for name, tensor in inputs.items() if tensor is not None}
    states = [variable for variable in block.non_trainable_variables if _is_random(variable)]
    weights = block.trainable_variables if keras.config.backend() == "tensorflow" else []
    # on JAX the values of all variables are tracers of the outer scope
    variables = block.variables if keras.config.backend() == "jax" else states
    values = [(variable, variable.value * 1) for variable in variables]

    @keras.remat
    def compute(x: Tensor, *tensors: Tensor) -> Tensor:
        weight_values = zip(weights, tensors[len(inputs) :], strict=True)
        named = dict(zip(inputs, tensors, strict=False))
        with keras.StatelessScope(state_mapping=[*values, *weight_values]):
            return block(x, **arguments, **named)

    y = compute(x, *inputs.values(), *map(ops.convert_to_tensor, weights))
    for state in states:
        state.assign(state.value + ops.convert_to_tensor([0, DRAWS], dtype=state.dtype))
    return y


def _is_random(variable: keras.Variable) -> bool:
    return variable.name == "seed_generator_state"
