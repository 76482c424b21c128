"""Less memory for more time: what a block computed is computed again for the gradient."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.tensors import Tensor

# What has gradients besides `x`; everything else that a block is called with is numbers of
# tokens, masks and angles.
LEARNED = ("condition", "attention_bias", "encoded")
DRAWS = 16  # more random numbers than a dropout layer of a block is asked for in one call


def recomputed(block: Any, x: Tensor, **arguments: Any) -> Tensor:
    """`block(x, **arguments)`, of which only `x` is kept until the gradient is needed.

    Keras's `RematScope` wraps a layer's `call`, which on JAX makes a tensor of `training` and
    lets the states of dropout escape.  So `keras.remat` is used by hand here: what has a
    gradient are arguments, as TensorFlow needs it, and random states are given and not changed,
    so that both times the same features are dropped.

    Args:
        block: A built layer.
        x: `(batch, length, features)`.
        arguments: See `Block`; without `memory`.

    Returns:
        As `block`.

    Reference: https://arxiv.org/abs/1604.06174
    """
    learned = {name: arguments.pop(name) for name in LEARNED if name in arguments}
    learned = {name: tensor for name, tensor in learned.items() if tensor is not None}
    states = [variable for variable in block.non_trainable_variables if _is_random(variable)]
    # JAX's variables have their tracers from the scope around; elsewhere they are themselves
    kept = block.variables if keras.config.backend() == "jax" else states
    values = [(variable, variable.value * 1) for variable in kept]

    @keras.remat
    def compute(x: Tensor, *tensors: Tensor) -> Tensor:
        with keras.StatelessScope(state_mapping=values):
            return block(x, **arguments, **keras.tree.pack_sequence_as(learned, tensors))

    y = compute(x, *keras.tree.flatten(learned))
    for state in states:
        state.assign(state.value + ops.convert_to_tensor([0, DRAWS], dtype=state.dtype))
    return y


def _is_random(variable: keras.Variable) -> bool:
    return variable.name == "seed_generator_state"
