"""Keras 2's `Model` on Keras 3: `fit_generator`, `add_metric`, files with any suffix."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
from keras.src.models.functional import Functional

from hornbook.checkpoints.bert4keras.keras2_file import arrays_by_layer, is_hdf5, is_keras2
from hornbook.compat.keras.keras2_layers import Attached, Layer
from hornbook.errors import CheckpointError
from hornbook.layers.tensors import Tensor

# arguments of Keras 2's methods without a meaning in Keras 3
_WORKERS = ("max_queue_size", "use_multiprocessing", "workers")


class Keras2Methods:
    """Methods that Keras 3 took away; a base class before a model's own."""

    def fit(self: Any, x: Any = None, *args: Any, **options: Any) -> Any:
        if isinstance(x, Iterator):
            options.setdefault("shuffle", False)  # else Keras 3 warns that it cannot
        return super().fit(_as_keras3(x), *args, **_without_workers(options))  # type: ignore[misc]

    def predict(self: Any, x: Any, *args: Any, **options: Any) -> Any:
        return super().predict(_as_keras3(x), *args, **_without_workers(options))  # type: ignore[misc]

    def evaluate(self: Any, x: Any = None, *args: Any, **options: Any) -> Any:
        return super().evaluate(_as_keras3(x), *args, **_without_workers(options))  # type: ignore[misc]

    def fit_generator(self: Any, generator: Any, *args: Any, **options: Any) -> Any:
        names = ("steps_per_epoch", "epochs", "verbose", "callbacks", "validation_data")
        return self.fit(generator, **dict(zip(names, args, strict=False)), **options)

    def predict_generator(self: Any, generator: Any, steps: Any = None, **options: Any) -> Any:
        return self.predict(generator, steps=steps, **options)

    def evaluate_generator(self: Any, generator: Any, steps: Any = None, **options: Any) -> Any:
        return self.evaluate(generator, steps=steps, **options)

    def compute_loss(
        self: Any,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        for layer in self._flatten_layers():
            if isinstance(layer, Layer):
                layer.update_metrics()
        keras.tree.map_structure(_drop_foreign_mask, y_pred)
        return super().compute_loss(x, y, y_pred, sample_weight, training)  # type: ignore[misc]

    def save_weights(self: Any, filepath: Any, overwrite: bool = True, **options: Any) -> None:
        with _written(filepath, ".weights.h5") as file:
            super().save_weights(file, overwrite=overwrite)  # type: ignore[misc]

    def load_weights(self: Any, filepath: Any, by_name: bool = False, **options: Any) -> None:
        path = existing(filepath)
        if is_hdf5(path) and is_keras2(path):
            _assign_keras2(self, path, by_name)
            return
        with _read(filepath, ".weights.h5") as file:
            super().load_weights(file, **options)  # type: ignore[misc]

    def save(self: Any, filepath: Any, overwrite: bool = True, **options: Any) -> None:
        with _written(filepath, ".keras") as file:
            super().save(file, overwrite=overwrite)  # type: ignore[misc]


class Model(Keras2Methods, keras.Model):
    """`keras.Model` with the methods of Keras 2."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        is_functional = len(args) > 1 or (args and "outputs" in kwargs) or "inputs" in kwargs
        if cls is Model and is_functional:
            return super().__new__(FunctionalModel)
        return super().__new__(cls)


@keras.saving.register_keras_serializable("hornbook.compat")
class FunctionalModel(Model, Functional):
    """A graph of layers, `Model(inputs, outputs)`."""

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any) -> None:
        Functional.__init__(self, inputs, outputs, name=name, **kwargs)

    @property
    def input(self) -> Any:
        return _single(self._inputs_struct)

    @property
    def output(self) -> Any:
        return _single(self._outputs_struct)

    def add_loss(self, loss: Tensor, inputs: Any = None) -> None:
        """Adds the mean of a tensor of the graph to the loss."""
        self._attach(loss, None)

    def add_metric(self, value: Tensor, aggregation: str | None = None, name: str = "") -> None:
        """Shows the mean of a tensor of the graph in the progress bar."""
        self._attach(value, name)

    def _attach(self, value: Tensor, metric: str | None) -> None:
        if self.compiled:
            raise ValueError("Call add_loss and add_metric before compile.")
        first, *others = keras.tree.flatten(self.output)
        outputs = [Attached(metric)([first, value]), *others]
        outputs = keras.tree.pack_sequence_as(self.output, outputs)
        names = {"output_names": self.__dict__["output_names"]}  # by which losses are given
        FunctionalModel.__init__(self, self.input, outputs, name=self.name)
        self.__dict__.update(names)


class Sequential(Keras2Methods, keras.Sequential):
    """`keras.Sequential` with the methods of Keras 2."""


def load_model(filepath: Any, custom_objects: Any = None, **options: Any) -> Any:
    """Loads what `Model.save` wrote, whatever the suffix.

    A Lambda with a function without a name is code in the file: for a file you trust, pass
    `safe_mode=False`.
    """
    with _read(filepath, ".keras") as file:
        return keras.models.load_model(file, custom_objects=custom_objects, **options)


def _single(tensors: Any) -> Any:
    """Returns the only tensor of a list, as Keras 2 does."""
    return tensors[0] if isinstance(tensors, list | tuple) and len(tensors) == 1 else tensors


def _assign_keras2(model: Any, path: Path, by_name: bool) -> None:
    """Assigns the weights that Keras 2 saved in HDF5, by the names of layers.

    Raises:
        CheckpointError: listing the layers that do not fit; nothing is changed then.  With
            `by_name`, layers of only the file or only the model are passed over.
    """
    layers = {layer.name: layer for layer in model.layers}
    pairs: list[tuple[Any, Any]] = []
    problems: list[str] = []
    for name, values in arrays_by_layer(path).items():
        layer = layers.pop(name, None)
        if layer is None:
            if values and not by_name:
                problems.append(f"  {name}: not in the model")
            continue
        in_checkpoint = getattr(layer, "in_checkpoint", None)
        weights = in_checkpoint() if in_checkpoint else layer.weights
        values = layer.converted(values) if hasattr(layer, "converted") else values
        shapes = [list(value.shape) for value in values]
        expected = [list(weight.shape) for weight in weights]
        if shapes != expected:
            problems.append(f"  {name}: expected the shapes {expected}, found {shapes}")
        else:
            pairs += zip(weights, values, strict=True)
    if not by_name:
        problems += [f"  {name}: missing" for name, each in layers.items() if each.weights]
    if problems:
        raise CheckpointError(
            f"The weights of {path} do not fit the model:\n" + "\n".join(problems)
        )
    for weight, value in pairs:
        weight.assign(value)


def _as_keras3(data: Any) -> Any:
    """Returns batches whose lists of arrays are tuples: in tf.data a list is one array."""
    if keras.config.backend() != "tensorflow" or not isinstance(data, Iterator):
        return data
    return (
        tuple(tuple(part) if isinstance(part, list) else part for part in batch)
        if isinstance(batch, tuple)
        else batch
        for batch in data
    )


def _without_workers(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in _WORKERS}


def _drop_foreign_mask(y: Tensor) -> None:
    """Removes the mask of tokens from what has no token axis any more, such as a pooled output."""
    mask = keras.src.backend.get_keras_mask(y)
    if mask is not None and tuple(mask.shape) != tuple(y.shape[:-1]):
        keras.src.backend.set_keras_mask(y, None)


@contextmanager
def _written(filepath: Any, suffix: str) -> Iterator[Any]:
    """Yields a path with the suffix that Keras 3 requires, and moves what is written there."""
    path = Path(filepath)
    if path.name.endswith(suffix):
        yield path
        return
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        file = Path(folder, f"file{suffix}")
        yield file
        os.replace(file, path)


def existing(filepath: Any) -> Path:
    """Returns the path of a file.

    Raises:
        CheckpointError: there is none.
    """
    path = Path(filepath)
    if path.with_name(f"{path.name}.index").is_file():
        raise CheckpointError(
            f"{path} is a checkpoint of tf.keras, which a model here cannot load.  Open it with "
            f'hornbook.load("{path}", config=...), save that, and build the model from it.'
        )
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}.")
    return path


@contextmanager
def _read(filepath: Any, suffix: str) -> Iterator[Any]:
    """Yields a path of the same file with the suffix that Keras 3 requires."""
    path = existing(filepath).absolute()
    if path.name.endswith(suffix):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"file{suffix}")
        file.symlink_to(path)
        yield file


MODELS: dict[str, Callable[..., Any]] = {
    "Model": Model,
    "Sequential": Sequential,
    "load_model": load_model,
}
