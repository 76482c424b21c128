"""`bert4keras.optimizers`: its optimizers and factories, on Keras 3's.

`extend_with_*` return a class with more keywords.  Corrections: accumulated gradients are those of
the last `grad_accum_steps` batches, not of those before them (the first step was of zeros), and
Adam counts steps, not batches; lookahead starts from the weights, not from zeros, and synchronizes
first after `steps_per_slow_update` batches, not after one; moving averages cannot be applied before
the first batch (bert4keras divided by zero).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from hornbook.training import adafactor
from hornbook.training import optimizer_extensions as extensions


class OldNames(keras.optimizers.Optimizer):
    """Accepts the keywords `lr` and `decay` of Keras 2, and has the attribute `lr`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "lr" in kwargs:
            kwargs["learning_rate"] = kwargs.pop("lr")
        decay = kwargs.pop("decay", 0.0)
        super().__init__(*args, **kwargs)
        if decay:
            rate = float(ops.convert_to_numpy(self.lr))
            schedule = keras.optimizers.schedules.InverseTimeDecay(rate, 1, decay)
            self.learning_rate: Any = schedule

    @property
    def lr(self) -> Any:
        return self._learning_rate


@keras.saving.register_keras_serializable("bert4keras")
class Adam(OldNames, keras.optimizers.Adam):
    """Keras's Adam, as in bert4keras with Keras 2.3.

    Args:
        args, kwargs: See Keras.
        bias_correction: Whether to correct the moments for their start at zero.
    """

    def __init__(self, *args: Any, bias_correction: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bias_correction = bias_correction

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if not self.bias_correction:
            step = ops.cast(self.iterations + 1, "float32")
            learning_rate *= (1 - self.beta_1**step) / ops.sqrt(1 - self.beta_2**step)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bias_correction": self.bias_correction}


@keras.saving.register_keras_serializable("bert4keras")
class Lion(OldNames, keras.optimizers.Lion):
    """Keras's Lion with the defaults of bert4keras."""

    def __init__(
        self, learning_rate: Any = 3e-4, beta_1: float = 0.95, beta_2: float = 0.98, **kwargs: Any
    ) -> None:
        super().__init__(learning_rate, beta_1=beta_1, beta_2=beta_2, **kwargs)


@keras.saving.register_keras_serializable("bert4keras")
class AdaFactor(OldNames, adafactor.AdaFactor):
    """AdaFactor; see `hornbook.training.adafactor`."""


def _factory(extension: Any) -> Callable[..., Any]:
    """Returns the function that extends an optimizer class by an extension."""

    def extend(BaseOptimizer: Any, name: str | None = None) -> Any:
        name = name or extension.__name__ + BaseOptimizer.__name__
        old_names = () if issubclass(BaseOptimizer, OldNames) else (OldNames,)
        cls = type(name, (extension, *old_names, BaseOptimizer), {"__doc__": extension.__doc__})
        return keras.saving.register_keras_serializable("bert4keras", name)(cls)

    return extend


extend_with_weight_decay = _factory(extensions.WeightDecay)
extend_with_layer_adaptation = _factory(extensions.LayerAdaptation)
extend_with_piecewise_linear_lr = _factory(extensions.PiecewiseLinearRate)
extend_with_gradient_accumulation = _factory(extensions.GradientAccumulation)
extend_with_lazy_optimization = _factory(extensions.LazyUpdates)
extend_with_parameter_wise_lr = _factory(extensions.RatesByName)
extend_with_lookahead = _factory(extensions.Lookahead)
extend_with_exponential_moving_average = _factory(extensions.MovingAverage)
# the names of the same for tf.keras
globals().update({f"{name}_v2": globals()[name] for name in dir() if name.startswith("extend")})
AdaFactorV1 = AdaFactorV2 = AdaFactor
LionV2 = Lion
