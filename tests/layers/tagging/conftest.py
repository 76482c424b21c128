"""What the tests of tagging share."""

from __future__ import annotations

import keras
import pytest
from keras import ops


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
