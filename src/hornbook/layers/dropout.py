"""Dropout with cheap random numbers on JAX."""

from __future__ import annotations

import math

import keras
from keras import ops

from hornbook.layers.tensors import Tensor

# constants of "lowbias32", a bijection of 32 bits: https://nullprogram.com/blog/2018/07/31/
SHIFTS, FACTORS = (16, 15, 16), (0x7FEB352D, 0x846CA68B)
SPREAD = 0x9E3779B9  # so that neighboring seeds are far apart


@keras.saving.register_keras_serializable("hornbook")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout`; on JAX, the mask is a hash of the position and the seed.

    JAX's own generator, Threefry, is stronger than dropout needs: it took an eighth of a training
    step of a small BERT.  A hash of 16 operations is fused into the loop that uses it.  Where
    operations are not fused, Keras's own dropout is faster.
    """

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        use_hash = keras.config.backend() == "jax" and self.noise_shape is None
        if use_hash and training and 0 < self.rate < 1:
            return hashed_dropout(inputs, self.rate, self.seed_generator.next())
        return super().call(inputs, training=training)


def hashed_dropout(x: Tensor, rate: float, seed: Tensor) -> Tensor:
    """Sets a share `rate` of `x` to zero, and scales the rest by `1 / (1 - rate)`.

    Args:
        x: A tensor of fewer than 2^32 elements.
        rate: Between 0 and 1.
        seed: Two integers, as from a `keras.random.SeedGenerator`.

    Returns:
        The shape and type of `x`.
    """
    shape = ops.shape(x)
    first, second = (ops.cast(seed[index], "uint32") for index in (0, 1))
    positions = ops.arange(math.prod(shape), dtype="uint32")
    # two rounds: with one, the masks of two seeds would be the same numbers in another order
    bits = hash_bits(positions + hash_bits(first * _integer(SPREAD)))
    bits = hash_bits(ops.bitwise_xor(bits, hash_bits(second * _integer(SPREAD) + _integer(1))))
    mask = ops.reshape(bits, shape) >= _integer(round(rate * 2**32))
    return ops.where(mask, x * ops.cast(1 / (1 - rate), x.dtype), ops.zeros_like(x))


def hash_bits(bits: Tensor) -> Tensor:
    """Hashes 32-bit integers: every bit of the result depends on all bits of the argument."""
    for shift, factor in zip(SHIFTS, (*FACTORS, None), strict=True):
        bits = ops.bitwise_xor(bits, ops.right_shift(bits, _integer(shift)))
        bits = bits if factor is None else bits * _integer(factor)
    return bits


def _integer(value: int) -> Tensor:
    return ops.convert_to_tensor(value, dtype="uint32")
