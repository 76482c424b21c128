"""Extensions of any optimizer of Keras: mixins that add keywords to it.

`type("AdamWithDecay", (WeightDecay, keras.optimizers.Adam), {})` is an optimizer class, and can be
extended again.  The order is free, except that `LayerAdaptation` belongs before (around)
`WeightDecay`.  Patterns are regular expressions, searched in the path of a variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, ClassVar

import keras
from keras import ops

from hornbook.training.averaging import assign_values, copies


class Extension(keras.optimizers.Optimizer):
    """The base of all extensions: `extended` holds the values of the keywords of a class."""

    keywords: ClassVar[dict[str, Any]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        defaults: dict[str, Any] = {}
        for cls in reversed(type(self).__mro__):
            defaults |= vars(cls).get("keywords", {})
        values = {name: kwargs.pop(name, default) for name, default in defaults.items()}
        if (steps := values.get("grad_accum_steps", 1)) > 1:
            kwargs["gradient_accumulation_steps"] = steps
        super().__init__(*args, **kwargs)
        self.extended = SimpleNamespace(**values)

    def build(self, variables: list[keras.Variable]) -> None:
        if not self.built:
            # by index, because update_step may be given the backend's own variables
            self._paths = [variable.path for variable in variables]
        super().build(variables)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **vars(self.extended)}
        if "grad_accum_steps" in config:
            config.pop("gradient_accumulation_steps")
        return config


class ChangedStep(Extension):
    """Changes the optimizer's step by the `changed` of each extension, the innermost first."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        old = ops.copy(ops.convert_to_tensor(variable))
        super().update_step(gradient, variable, learning_rate)
        step = ops.convert_to_tensor(variable) - old
        rate = ops.cast(learning_rate, old.dtype)
        path = str(self._paths[self._get_variable_index(variable)])
        for cls in reversed(type(self).__mro__):
            if change := vars(cls).get("changed"):
                step = change(self, path, old, step, rate, gradient)
        self.assign(variable, old + step)


class WeightDecay(ChangedStep):
    """With decoupled weight decay, except of names that match `exclude_from_weight_decay`."""

    keywords: ClassVar = {"weight_decay_rate": 0.01, "exclude_from_weight_decay": []}

    def changed(self, path: str, old: Any, step: Any, rate: Any, gradient: Any) -> Any:
        if matches(path, self.extended.exclude_from_weight_decay):
            return step
        return step - rate * self.extended.weight_decay_rate * old


class LayerAdaptation(ChangedStep):
    """With LAMB's steps, as large as their variable; see https://arxiv.org/abs/1904.00962."""

    keywords: ClassVar = {"exclude_from_layer_adaptation": []}

    def changed(self, path: str, old: Any, step: Any, rate: Any, gradient: Any) -> Any:
        if matches(path, self.extended.exclude_from_layer_adaptation):
            return step
        size = ops.norm(old)
        step_size = ops.norm(step / ops.maximum(rate, keras.config.epsilon()))
        usable = ops.logical_and(size > 0, step_size > 0)
        return step * ops.where(usable, size / ops.where(usable, step_size, 1.0), 1.0)


class PiecewiseLinearRate(Extension):
    """With a factor of the learning rate: `{1000: 1, 2000: 0.1}` rises from 0 to 1 at batch 1000,
    then falls to 0.1 at batch 2000, and stays.
    """

    keywords: ClassVar = {"lr_schedule": {0: 1}}

    def _backend_update_step(
        self, grads: Any, trainable_variables: Any, learning_rate: Any
    ) -> None:
        factor = piecewise_linear(self._iterations, self.extended.lr_schedule)
        super()._backend_update_step(grads, trainable_variables, learning_rate * factor)


class GradientAccumulation(Extension):
    """With steps on the mean gradient of `grad_accum_steps` batches."""

    keywords: ClassVar = {"grad_accum_steps": 2}


class LazyUpdates(ChangedStep):
    """With updates of only the rows that have a gradient, of names that match
    `include_in_lazy_optimization`.
    """

    keywords: ClassVar = {"include_in_lazy_optimization": []}

    def changed(self, path: str, old: Any, step: Any, rate: Any, gradient: Any) -> Any:
        if not matches(path, self.extended.include_in_lazy_optimization):
            return step
        gradient = ops.convert_to_tensor(gradient, sparse=False)
        return ops.where(ops.any(ops.not_equal(gradient, 0), axis=-1, keepdims=True), step, 0.0)


class RatesByName(ChangedStep):
    """With a factor of the learning rate for each name that contains a key of
    `paramwise_lr_schedule`.
    """

    keywords: ClassVar = {"paramwise_lr_schedule": {}}

    def changed(self, path: str, old: Any, step: Any, rate: Any, gradient: Any) -> Any:
        for part, factor in self.extended.paramwise_lr_schedule.items():
            step = step * factor if part in path else step
        return step


class Lookahead(Extension):
    """With slow weights that every `steps_per_slow_update` batches move by `slow_step_size` to the
    weights, and replace them; see https://arxiv.org/abs/1907.08610.
    """

    keywords: ClassVar = {"steps_per_slow_update": 5, "slow_step_size": 0.5}

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._slow = self.add_optimizer_variables(variables, "slow")
        for slow, variable in zip(self._slow, variables, strict=True):
            slow.assign(variable)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        super().apply(grads, trainable_variables)
        due = ops.equal(self._iterations % self.extended.steps_per_slow_update, 0)
        for slow, variable in zip(self._slow, self._trainable_variables, strict=True):
            fast, behind = ops.convert_to_tensor(variable), ops.convert_to_tensor(slow)
            new = behind + self.extended.slow_step_size * (fast - behind)
            self.assign(variable, ops.where(due, new, fast))
            self.assign(slow, ops.where(due, new, behind))


class MovingAverage(Extension):
    """With the exponential moving average of the weights after each batch."""

    keywords: ClassVar = {"ema_momentum": 0.999}

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._averages = self.add_optimizer_variables(variables, "ema")
        self._own: list[Any] = []

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        super().apply(grads, trainable_variables)
        momentum = self.extended.ema_momentum
        for average, variable in zip(self._averages, self._trainable_variables, strict=True):
            kept = momentum * ops.convert_to_tensor(average)
            self.assign(average, kept + (1 - momentum) * ops.convert_to_tensor(variable))

    def apply_ema_weights(self, bias_correction: bool = True) -> None:
        """Assigns the averages to the model, and keeps its own weights for `reset_old_weights`.

        Raises:
            ValueError: there was no step yet.
        """
        steps = int(ops.convert_to_numpy(self._iterations))
        if not steps:
            raise ValueError("There is no moving average before the first step.")
        scale = 1 - self.extended.ema_momentum**steps if bias_correction else 1.0
        self._own = copies(self._trainable_variables)
        averages = [average / scale for average in copies(self._averages)]
        assign_values(self._trainable_variables, averages)

    def reset_old_weights(self) -> None:
        """Assigns the model's own weights again.

        Raises:
            ValueError: `apply_ema_weights` was not called.
        """
        if not self._own:
            raise ValueError("reset_old_weights needs apply_ema_weights before.")
        assign_values(self._trainable_variables, self._own)


def piecewise_linear(t: Any, schedule: Mapping[Any, float], from_zero: bool = True) -> Any:
    """Interpolates linearly between the points of a schedule, and from 0 at 0 to the first."""
    points = sorted((int(step), float(value)) for step, value in schedule.items())
    if from_zero and points[0][0] != 0:
        points = [(0, 0.0), *points]
    t = ops.cast(t, "float32")
    result = 0 * t + points[0][1]
    for (begin, low), (end, high) in pairwise(points):
        result += (high - low) / (end - begin) * ops.clip(t - begin, 0, end - begin)
    return result


def matches(path: str, patterns: Iterable[str]) -> bool:
    return any(re.search(pattern, path) for pattern in patterns)
