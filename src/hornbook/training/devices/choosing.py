"""Data-parallel training: each device computes its share of the rows of a step.

JAX uses `keras.distribution`, TensorFlow its `MirroredStrategy`; on PyTorch each device has a
process of its own, see `torch_processes`.  The weights of a step add up to 1 over all devices, so
the loss is that of one device with all the rows.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import keras

from hornbook.errors import OptionError
from hornbook.training.devices.device import Arrays, Devices

# model parallelism: the mesh axis that splits each axis of a variable, by the end of its path
SHARDED_AXES = {
    r"(query|key|value|intermediate|gate)/kernel": (None, "model"),
    r"(query|key|value|intermediate|gate)/bias": ("model",),
    r"output_dense/kernel": ("model", None),
    r"token_embedding/embeddings": (None, "model"),
}


class JaxDevices(Devices):
    """GPUs, TPUs or virtual CPU devices of JAX.

    Args:
        names: Keras's names of the devices, such as `"gpu:0"`.
        model_parallel: Number of devices that share one copy of the model.
    """

    def __init__(self, names: list[str], model_parallel: int):
        self.count = len(names) // model_parallel
        self._names, self._model_parallel = names, model_parallel

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        from keras import distribution

        if self._model_parallel == 1:
            strategy = distribution.DataParallel(devices=self._names, auto_shard_dataset=False)
        else:
            shape = (self.count, self._model_parallel)
            mesh = distribution.DeviceMesh(shape, ("batch", "model"), self._names)
            layout = distribution.LayoutMap(mesh)
            for path, axes in SHARDED_AXES.items():
                layout[path] = axes
            strategy = distribution.ModelParallel(
                layout_map=layout, batch_dim_name="batch", auto_shard_dataset=False
            )
        previous = distribution.distribution()
        distribution.set_distribution(strategy)
        try:
            yield
        finally:
            distribution.set_distribution(previous)


class MirroredDevices(Devices):
    """GPUs or virtual CPU devices of TensorFlow.

    Args:
        names: TensorFlow's names of the devices, such as `"/device:GPU:0"`.
    """

    accumulates = False  # Keras accumulates inside a `tf.cond`, which the strategy does not allow

    def __init__(self, names: list[str]):
        import tensorflow

        self.count = len(names)
        self.loss_scale = float(self.count)
        self._strategy = tensorflow.distribute.MirroredStrategy(names)

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        with self._strategy.scope():
            yield

    def train(self, model: keras.Model, arrays: Arrays) -> float:
        rows = len(next(iter(arrays.values()))) // self.count
        if not all(layer.built for layer in model._flatten_layers()):
            # Keras would build it from the shapes of distributed values, which have none
            model(
                {
                    name: keras.KerasTensor((rows, *value.shape[1:]), value.dtype.name)
                    for name, value in arrays.items()
                }
            )

        def distributed(value: Any) -> Any:
            return self._strategy.experimental_distribute_values_from_function(
                lambda context: value[context.replica_id_in_sync_group * rows :][:rows]
            )

        return float(
            model.train_on_batch({name: distributed(value) for name, value in arrays.items()})
        )

    def prepare(self, optimizer: Any) -> None:
        """Clips the sum of the gradients, not those of each device."""
        import tensorflow

        clip = optimizer._clip_gradients

        def clip_sums(gradients: Any) -> list[Any]:
            context = tensorflow.distribute.get_replica_context()
            sums = context.all_reduce("SUM", gradients)
            return [gradient / self.count for gradient in clip(sums)]  # Keras sums them again

        optimizer._clip_gradients = clip_sums

    def predict(self, model: keras.Model, arrays: Arrays) -> Arrays:
        # every replica computes all rows, and their outputs are concatenated
        rows = len(next(iter(arrays.values())))
        outputs = model.predict_on_batch(arrays)
        return {name: value[:rows] for name, value in outputs.items()}


class TorchLauncher(Devices):
    """Launches a process for each of PyTorch's devices; computes nothing itself.

    Args:
        count: Number of processes.
    """

    launches = True

    def __init__(self, count: int):
        self.count = count


def open_devices(devices: str, model_parallel: int = 1) -> Devices:
    """Returns the devices to train on.

    Args:
        devices: A number, or `"all"`.
        model_parallel: Number of devices that share one copy of the model, on JAX.

    Raises:
        OptionError: there are fewer devices, or the arguments contradict each other.
    """
    if devices != "all" and not re.fullmatch(r"[1-9]\d*", devices):
        raise OptionError(f"--devices {devices}: expected all, or a number of 1 or more.")
    names = _names()
    count = len(names) if devices == "all" else int(devices)
    on_cpu = keras.config.backend() == "torch" and names == ["cpu:0"]
    if count > len(names) and not on_cpu:  # there, any number of processes can be started
        raise OptionError(
            f"--devices {count}, but {keras.config.backend()} sees {len(names)}: "
            f"{', '.join(names)}.  Use --devices all."
        )
    if model_parallel > 1 and keras.config.backend() != "jax":
        raise OptionError("--model-parallel is for JAX: set KERAS_BACKEND=jax.")
    if count % model_parallel:
        raise OptionError(f"{count} devices cannot be divided into groups of {model_parallel}.")
    if keras.config.backend() == "torch":
        from hornbook.training.devices.torch_processes import TorchDevices, is_in_group

        return TorchDevices() if is_in_group() else TorchLauncher(count) if count > 1 else Devices()
    if count == 1:
        return Devices()
    if keras.config.backend() == "jax":
        return JaxDevices(names[:count], model_parallel)
    return MirroredDevices(names[:count])


def _names() -> list[str]:
    """Returns the backend's names of its devices."""
    if keras.config.backend() == "tensorflow":
        import tensorflow

        config = tensorflow.config
        devices = config.list_logical_devices("GPU") or config.list_logical_devices("CPU")
        return [device.name for device in devices]
    if keras.config.backend() == "jax":
        from keras import distribution

        names: list[str] = distribution.list_devices()
        return names
    import torch

    if torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ["cpu:0"]
