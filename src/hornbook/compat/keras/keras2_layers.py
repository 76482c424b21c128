"""Keras 2's layers where Keras 3 differs: metrics in a layer, random numbers, Lambda's shapes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from hornbook.layers.tensors import Shape, Tensor

_CALLED: list[Layer] = []  # layers whose `call` is running, the innermost last


def is_training() -> bool:
    """Whether the layer that is being called is training."""
    return bool(_CALLED and _CALLED[-1]._get_call_context().training)


def next_seed() -> Any:
    """The seeds of the layer that is being called; outside of one, Keras's own (None)."""
    return _CALLED[-1].seeds if _CALLED else None


class HasOutputs(keras.layers.Layer):
    """A layer with `get_output_at`."""

    def get_output_at(self, index: int) -> Any:
        """Returns what the layer returned when it was called for the `index`-th time."""
        outputs = self._inbound_nodes[index].output_tensors
        return outputs[0] if len(outputs) == 1 else outputs


@keras.saving.register_keras_serializable("hornbook.compat")
class Layer(HasOutputs):
    """`keras.layers.Layer` that passes its mask on, with `add_metric`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.seeds = keras.random.SeedGenerator()
        # past Keras's tracking: `Model.compute_loss` updates these metrics
        self.__dict__.update(means={}, values={})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        _CALLED.append(self)
        try:
            return super().__call__(*args, **kwargs)
        finally:
            _CALLED.pop()

    def build(self, *shapes: Shape) -> None:
        self.built = True

    def add_metric(self, value: Tensor, aggregation: str | None = None, name: str = "") -> None:
        """Shows the mean of a value in the progress bar; called in `call`."""
        name = name or self.name
        if name not in self.means:
            self.means[name] = keras.metrics.Mean(name=name)
        self.values[name] = ops.stop_gradient(ops.cast(value, "float32"))

    def update_metrics(self) -> None:
        """Adds the values of the last call to the metrics."""
        for name, value in self.values.items():
            self.means[name].update_state(value)
        self.values.clear()

    @property
    def metrics(self) -> list[Any]:
        return [*super().metrics, *self.means.values()]

    def add_loss(self, loss: Tensor, inputs: Any = None) -> None:
        super().add_loss(ops.mean(loss))


@keras.saving.register_keras_serializable("hornbook.compat")
class Lambda(Layer, keras.layers.Lambda):
    """`keras.layers.Lambda` without `output_shape`; its result has no mask unless one is given."""

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            function=function, output_shape=output_shape, mask=mask, arguments=arguments, **kwargs
        )

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        if self._output_shape is None:
            return keras.Operation.compute_output_spec(self, *args, **kwargs)
        return super().compute_output_spec(*args, **kwargs)


@keras.saving.register_keras_serializable("hornbook.compat")
class Attached(Layer):
    """Returns the first of two tensors; the second is a loss, or with `metric` a metric."""

    def __init__(self, metric: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.metric = metric

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "metric": self.metric}

    def call(self, inputs: list[Tensor]) -> Tensor:
        output, value = inputs
        if self.metric is None:
            self.add_loss(value)
        else:
            self.add_metric(value, name=self.metric)
        return output

    def compute_mask(self, inputs: list[Tensor], mask: Any) -> Tensor:
        return mask[0] if mask else None


class KeepsMask(HasOutputs):
    """A layer of several tensors whose mask is that of those that have one, as in Keras 2."""

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> Tensor:
        masks = [each for each in mask or () if each is not None]
        return functools.reduce(ops.logical_and, masks) if masks else None


LAYERS: dict[str, Any] = {"Layer": Layer, "Lambda": Lambda}
for _name in ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"):
    LAYERS[_name] = keras.saving.register_keras_serializable("hornbook.compat")(
        type(_name, (KeepsMask, getattr(keras.layers, _name)), {})
    )
Add = LAYERS["Add"]


@keras.saving.register_keras_serializable("hornbook.compat")
class GlobalMaxPooling1D(keras.layers.GlobalMaxPooling1D):
    """The maximum over the tokens, without padding."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor = None) -> Tensor:
        if mask is not None:
            inputs = ops.where(mask[..., None], inputs, ops.cast(float("-inf"), inputs.dtype))
        return super().call(inputs)

    def compute_mask(self, inputs: Tensor, mask: Tensor = None) -> None:
        """Vectors of texts have no mask."""


LAYERS["GlobalMaxPooling1D"] = GlobalMaxPooling1D
