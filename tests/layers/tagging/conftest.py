"""What the tests of tagging share."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops


@pytest.fixture(scope="session")
def compute():
    """Calls a function of arrays, compiled on JAX, where operations one by one take long."""

    def of(function, *arrays):
        if keras.config.backend() == "jax":
            import jax

            function = jax.jit(function)
        return ops.convert_to_numpy(function(*arrays))

    return of


@pytest.fixture(scope="session")
def gradients():
    """Of the sum of a function of arrays, compiled by whatever the backend offers."""

    def of(function, *arrays):
        if keras.config.backend() == "jax":
            import jax

            slope = jax.grad(lambda *x: function(*x).sum(), argnums=range(len(arrays)))
            return [ops.convert_to_numpy(x) for x in jax.jit(slope)(*arrays)]
        if keras.config.backend() == "torch":
            tensors = [ops.convert_to_tensor(x).requires_grad_() for x in arrays]
            function(*tensors).sum().backward()
            return [ops.convert_to_numpy(x.grad) for x in tensors]
        import tensorflow

        @tensorflow.function
        def compiled(*tensors):
            with tensorflow.GradientTape() as tape:
                tape.watch(tensors)
                total = tensorflow.reduce_sum(function(*tensors))
            return tape.gradient(total, tensors)

        return [x.numpy() for x in compiled(*map(tensorflow.constant, arrays))]

    return of


@pytest.fixture(scope="session")
def alternating():
    """Texts whose tags follow from each other alone: 0, 1, 0, 1, whatever the tokens.

    Token ids `(24, 8)`, with 0 for padding, and tags.
    """
    random = np.random.default_rng(0)
    ids = random.integers(1, 3, (24, 8))
    ids[np.arange(8) >= random.integers(3, 9, (24, 1))] = 0
    return ids, np.tile([0, 1], (24, 4))


@pytest.fixture(scope="session")
def bert4keras():
    """What the layers of bert4keras 0.11.5 returned on tf_keras 2.21, by name; None is infinite.

    For `numbers(seed, shape)`, the first four tokens of the second text, and as tags
    `RandomState(2).randint(3, size=(2, 6))`.
    """
    return json.loads((Path(__file__).parent / "bert4keras.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def numbers():
    """Normal random numbers of a seed, the same on every machine."""
    return lambda seed, *shape: np.random.RandomState(seed).normal(size=shape).astype("float32")
