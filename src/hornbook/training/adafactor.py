"""AdaFactor, an optimizer whose state is much smaller than the weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from hornbook.training.optimizer_extensions import matches


@keras.saving.register_keras_serializable("hornbook")
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """AdaFactor's own learning rate: `scale * min(0.01, 1 / sqrt(step))`."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, step: Any) -> Any:
        return self.scale * ops.minimum(0.01, ops.rsqrt(ops.cast(step + 1, "float32")))

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale}


@keras.saving.register_keras_serializable("hornbook")
class AdaFactor(keras.optimizers.Optimizer):
    """AdaFactor with the arguments of bert4keras.

    Keras's Adafactor factors all matrices and has no momentum.

    Args:
        learning_rate: A number or a schedule; None for `InverseSquareRoot`.
        beta1: Decay of the momentum; 0 for none.
        beta2: Decay of the second moment.  Defaults to `1 - step ** -0.8`.
        epsilon1: Added to squared gradients.
        epsilon2: Minimum scale of a variable.
        multiply_by_parameter_scale: Whether steps are relative to the variable's root mean square.
        clipping_threshold: Maximum root mean square of an update; None for no clipping.
        min_dim_size_to_factor: Smallest size of the two largest axes of a factored variable.
        exclude_from_parameter_scale: Regular expressions of the variables with absolute steps.
        kwargs: See Keras.

    Reference: https://arxiv.org/abs/1804.04235
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        beta1: float = 0.0,
        beta2: float | None = None,
        epsilon1: float = 1e-30,
        epsilon2: float = 1e-3,
        multiply_by_parameter_scale: bool = True,
        clipping_threshold: float | None = 1.0,
        min_dim_size_to_factor: int = 128,
        exclude_from_parameter_scale: Iterable[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if learning_rate is None:
            learning_rate = InverseSquareRoot(1.0 if multiply_by_parameter_scale else 0.05)
        super().__init__(learning_rate, **kwargs)
        self.beta1, self.beta2 = beta1, beta2
        self.epsilon1, self.epsilon2 = epsilon1, epsilon2
        self.multiply_by_parameter_scale = multiply_by_parameter_scale
        self.clipping_threshold = clipping_threshold
        self.min_dim_size_to_factor = min_dim_size_to_factor
        self.exclude_from_parameter_scale = list(exclude_from_parameter_scale or [])

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._axes = [self._factored_axes(variable.shape) for variable in variables]
        self._scaled = [
            self.multiply_by_parameter_scale
            and not matches(variable.path, self.exclude_from_parameter_scale)
            for variable in variables
        ]
        self._moments = [
            [
                self.add_variable(
                    [1 if i == axis else n for i, n in enumerate(variable.shape)],
                    dtype=variable.dtype,
                    name="moment",
                )
                for axis in axes or (None,)
            ]
            for variable, axes in zip(variables, self._axes, strict=True)
        ]
        if self.beta1:
            self._momenta = self.add_optimizer_variables(variables, "momentum")

    def _factored_axes(self, shape: tuple[int, ...]) -> tuple[int, int] | None:
        """Returns the largest and the second largest axis, or None."""
        axes = sorted(range(len(shape)), key=lambda axis: shape[axis])[:-3:-1]
        small = len(axes) < 2 or shape[axes[1]] < self.min_dim_size_to_factor
        return None if small else (axes[0], axes[1])

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        weights = ops.convert_to_tensor(variable)
        gradient = ops.cast(ops.convert_to_tensor(gradient, sparse=False), weights.dtype)
        step = ops.cast(self.iterations + 1, weights.dtype)
        beta2 = 1 - step**-0.8 if self.beta2 is None else self.beta2
        moments = []
        for moment, axis in zip(self._moments[index], self._axes[index] or (None,), strict=True):
            square = ops.square(gradient) + self.epsilon1
            square = square if axis is None else ops.mean(square, axis=axis, keepdims=True)
            moments.append(beta2 * ops.convert_to_tensor(moment) + (1 - beta2) * square)
            self.assign(moment, moments[-1])
        second = moments[0]
        if axes := self._axes[index]:
            second = second * moments[1] / ops.mean(second, axis=axes[1], keepdims=True)
        update = gradient / ops.sqrt(second + self.epsilon1)
        if self.clipping_threshold is not None:
            update /= ops.maximum(1.0, _root_mean_square(update) / self.clipping_threshold)
        if self.beta1:
            momentum = self._momenta[index]
            update = self.beta1 * ops.convert_to_tensor(momentum) + (1 - self.beta1) * update
            self.assign(momentum, update)
        if self._scaled[index]:
            update *= ops.maximum(_root_mean_square(weights), self.epsilon2)
        self.assign_sub(variable, ops.cast(learning_rate, weights.dtype) * update)

    def get_config(self) -> dict[str, Any]:
        names = (
            "beta1 beta2 epsilon1 epsilon2 multiply_by_parameter_scale clipping_threshold "
            "min_dim_size_to_factor exclude_from_parameter_scale"
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}


def _root_mean_square(x: Any) -> Any:
    return ops.sqrt(ops.mean(ops.square(x)))
