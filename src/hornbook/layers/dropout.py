"""Dropout whose random numbers cost next to nothing on JAX."""

from __future__ import annotations

import math

import keras
from keras import ops

from hornbook.layers.tensors import Tensor

# of "lowbias32", a bijection of 32 bits: https://nullprogram.com/blog/2018/07/31/
SHIFTS, FACTORS = (16, 15, 16), (0x7FEB352D, 0x846CA68B)
SPREAD = 0x9E3779B9  # so that neighbouring seeds are far apart


@keras.saving.register_keras_serializable("hornbook")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout`; on JAX, what is dropped is a hash of the place and the seed.

    Threefry, which JAX draws from, is made for more than to drop features: it took an eighth of a
    training step of a small BERT.  A hash of 16 operations becomes part of the loop that uses it.
    Where operations are not fused, Keras's own is faster.
    """

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        hashed = keras.config.backend() == "jax" and self.noise_shape is None
        if hashed and training and 0 < self.rate < 1:
            return hashed_dropout(inputs, self.rate, self.seed_generator.next())
        return super().call(inputs, training=training)


def hashed_dropout(x: Tensor, rate: float, seed: Tensor) -> Tensor:
    """Zeros in place of a share `rate` of `x`, and the rest larger by as much.

    Args:
        x: Fewer than 2^32 numbers.
        rate: Between 0 and 1.
        seed: Two integers, as a `keras.random.SeedGenerator` gives them.

    Returns:
        The shape and type of `x`.
    """
    shape = ops.shape(x)
    first, second = (ops.cast(seed[number], "uint32") for number in (0, 1))
    places = ops.arange(math.prod(shape), dtype="uint32")
    # two rounds: with one, the masks of two seeds would be the same numbers in another order
    bits = mixed(places + mixed(first * _integer(SPREAD)))
    bits = mixed(ops.bitwise_xor(bits, mixed(second * _integer(SPREAD) + _integer(1))))
    kept = ops.reshape(bits, shape) >= _integer(round(rate * 2**32))
    return ops.where(kept, x * ops.cast(1 / (1 - rate), x.dtype), ops.zeros_like(x))


def mixed(bits: Tensor) -> Tensor:
    """Another 32 bits for each, every one of which depends on all of those that come in."""
    for shift, factor in zip(SHIFTS, (*FACTORS, None), strict=True):
        bits = ops.bitwise_xor(bits, ops.right_shift(bits, _integer(shift)))
        bits = bits if factor is None else bits * _integer(factor)
    return bits


def _integer(value: int) -> Tensor:
    return ops.convert_to_tensor(value, dtype="uint32")
