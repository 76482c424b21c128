"""Keras 2's backend functions, `K.sum` and so on, over `keras.ops`.

Functions that are not defined here are those of `keras.ops` and `keras.config` with the same name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import keras
import numpy as np
from keras import ops

from hornbook.compat.keras.keras2_layers import is_training, next_seed
from hornbook.errors import HornbookError
from hornbook.layers.tensors import Tensor

NEW_NAMES = {
    "logsumexp": ops.logsumexp,
    "permute_dimensions": ops.transpose,
    "pow": ops.power,
    "clear_session": keras.utils.clear_session,
    "is_keras_tensor": keras.utils.is_keras_tensor,
    "name_scope": keras.name_scope,
}
_STEP = """
    class Trained(keras.Model):
        def train_step(self, data):  # with PyTorch
            self.zero_grad()
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            self.compute_loss(y=y, y_pred=self(x, training=True)).backward()
            table = self.get_layer("Embedding-Token").embeddings.value
            change = 0.5 * table.grad / (table.grad.norm() + 1e-8)
            table.data += change
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
            loss.backward()  # adds to the first gradients
            table.data -= change
            variables = self.trainable_variables
            self.optimizer.apply([v.value.grad for v in variables], variables)
            self._loss_tracker.update_state(loss)
            return self.compute_metrics(x, y, y_pred)
"""
_IN_A_STEP = (
    "Keras 3 takes gradients in the training step, not in the graph of a model. Adversarial "
    "training (FGM, virtual adversarial training) and gradient penalties are a train_step in place "
    "of K.gradients, K.function or a changed train_function; FGM with eps 0.5:\n" + _STEP
)
_NO_SESSION = (
    "There are no graphs and sessions in Keras 3: call model.predict, or the model itself, and "
    "remove the lines with sessions."
)
REMOVED = {
    "gradients": _IN_A_STEP,
    "get_session": _NO_SESSION,
    "set_session": _NO_SESSION,
    "manual_variable_initialization": _NO_SESSION,
    "learning_phase": "Use the argument `training` of the layer's call.",
    "set_learning_phase": "Use the argument `training` of the layer's call.",
    "rnn": "Use keras.layers.RNN, or keras.ops.scan.",
}


class RemovedError(HornbookError):
    """A script uses what Keras 3 has no more; the message has what takes its place."""


def removed(name: str) -> NoReturn:
    """Stops a script that uses `K.name`."""
    raise RemovedError(f"K.{name} is not in Keras 3. {REMOVED[name]}")


def __getattr__(name: str) -> Any:
    if name in NEW_NAMES:
        return NEW_NAMES[name]
    if name in REMOVED:
        return lambda *args, **kwargs: removed(name)
    for module in (ops, keras.config):
        if hasattr(module, name) and not name.startswith("_"):
            return getattr(module, name)
    raise AttributeError(f"K.{name} is not supported; see keras.ops for what takes its place.")


def int_shape(x: Tensor) -> tuple[int | None, ...]:
    return tuple(x.shape)


def ndim(x: Tensor) -> int:
    return len(x.shape)


def dtype(x: Tensor) -> str:
    return keras.backend.standardize_dtype(x.dtype)


def reshape(x: Tensor, *shapes: Any) -> Tensor:
    """Reshapes to one shape; with `shape, axis, shape, axis ...`, each of these axes."""
    if len(shapes) == 1:
        shape = shapes[0]
        return ops.reshape(x, tuple(shape) if isinstance(shape, list | tuple) else shape)
    sizes: list[tuple[Any, ...]] = [(size,) for size in ops.shape(x)]
    for shape, axis in zip(shapes[::2], shapes[1::2], strict=True):
        known = -math.prod(shape)  # at most one size is -1
        sizes[axis] = tuple(sizes[axis][0] // known if size == -1 else size for size in shape)
    return ops.reshape(x, tuple(size for axis in sizes for size in axis))


def flatten(x: Tensor, start: int | None = None, end: int | None = None) -> Tensor:
    """Merges the axes from `start` to before `end` into one."""
    shape = ops.shape(x)
    start, end = start or 0, end or len(shape)
    start = start if start >= 0 else len(shape) + start
    return ops.reshape(x, (*shape[:start], math.prod(shape[start:end]), *shape[end:]))


def where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return ops.where(ops.cast(condition, "bool"), x, y)


switch = where


def gather(x: Tensor, indices: Tensor) -> Tensor:
    return ops.take(x, ops.cast(indices, "int32"), axis=0)


def arange(start: Any, stop: Any = None, step: int = 1, dtype: str = "int32") -> Tensor:
    return ops.arange(start, stop, step, dtype=dtype)


def concatenate(tensors: list[Tensor], axis: int = -1) -> Tensor:
    return ops.concatenate(tensors, axis=axis)


def expand_dims(x: Tensor, axis: int = -1) -> Tensor:
    return ops.expand_dims(x, axis)


def cumsum(x: Tensor, axis: int = 0) -> Tensor:
    return ops.cumsum(x, axis=axis)


def argmax(x: Tensor, axis: int = -1) -> Tensor:
    return ops.argmax(x, axis=axis)


def one_hot(indices: Tensor, num_classes: int) -> Tensor:
    return ops.one_hot(ops.cast(indices, "int32"), num_classes)


def zeros_like(x: Tensor, dtype: str | None = None, name: str | None = None) -> Tensor:
    return ops.zeros_like(x, dtype=dtype)


def ones_like(x: Tensor, dtype: str | None = None, name: str | None = None) -> Tensor:
    return ops.ones_like(x, dtype=dtype)


def constant(value: Any, dtype: str | None = None, shape: Any = None, name: Any = None) -> Tensor:
    tensor = ops.convert_to_tensor(value, dtype=dtype or keras.config.floatx())
    return tensor if shape is None else ops.broadcast_to(tensor, shape)


def repeat_elements(x: Tensor, rep: int, axis: int) -> Tensor:
    return ops.repeat(x, rep, axis=axis)


def l2_normalize(x: Tensor, axis: Any = None) -> Tensor:
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, 1e-12))


def batch_dot(x: Tensor, y: Tensor, axes: Any = None) -> Tensor:
    axes = (len(x.shape) - 1, max(len(y.shape) - 2, 1)) if axes is None else axes
    return keras.layers.Dot(axes)([x, y])


def binary_crossentropy(target: Tensor, output: Tensor, from_logits: bool = False) -> Tensor:
    return ops.binary_crossentropy(ops.cast(target, output.dtype), output, from_logits=from_logits)


def sparse_categorical_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """The crossentropy of each label, in the shape of the output without its last axis."""
    target = ops.reshape(ops.cast(target, "int32"), ops.shape(output)[:-1])
    return ops.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def variable(value: Any, dtype: str | None = None, name: str | None = None) -> keras.Variable:
    value = np.asarray(value, dtype or keras.config.floatx())
    return keras.Variable(value, dtype=str(value.dtype), name=name)


def eval(x: Tensor) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


get_value = eval


def set_value(x: keras.Variable, value: Any) -> None:
    x.assign(value)


update = set_value


def batch_get_value(variables: Iterable[keras.Variable]) -> list[np.ndarray]:
    return [eval(variable) for variable in variables]


def batch_set_value(pairs: Iterable[tuple[keras.Variable, Any]]) -> None:
    for x, value in pairs:
        x.assign(value)


def function(inputs: list[Tensor], outputs: list[Tensor]) -> Callable[[list[Any]], list[Any]]:
    """Returns a function from a list of arrays to a list of arrays, computed by a graph."""
    model = keras.Model(inputs, outputs)
    return lambda arrays: [eval(y) for y in model([ops.convert_to_tensor(x) for x in arrays])]


def in_train_phase(x: Any, alt: Any, training: bool | None = None) -> Tensor:
    """Returns `x` if the layer that calls it is training, else `alt`."""
    chosen = x if (is_training() if training is None else training) else alt
    return chosen() if callable(chosen) else chosen


def random_binomial(shape: Any, p: float = 0.0, dtype: str | None = None) -> Tensor:
    drawn = keras.random.uniform(shape, seed=next_seed()) < p
    return ops.cast(drawn, dtype or keras.config.floatx())


def random_uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None) -> Any:
    return keras.random.uniform(shape, minval, maxval, dtype=dtype, seed=next_seed())


def random_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None) -> Any:
    return keras.random.normal(shape, mean, stddev, dtype=dtype, seed=next_seed())


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None) -> Any:
    return keras.random.truncated_normal(shape, mean, stddev, dtype=dtype, seed=next_seed())
