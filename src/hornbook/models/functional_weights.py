"""The weights of any Keras model in a safetensors file, numbered in the order of creation.

Keras numbers the names of layers within a session, so the same model built again has other names;
indices and shapes are the same.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from hornbook.errors import CheckpointError

FILE = "model.safetensors"


def write_functional(folder: Path, model: keras.Model) -> None:
    """Writes `model.safetensors`: `0007.kernel` and so on, without random states."""
    from safetensors.numpy import save_file

    values = {
        name: np.array(keras.ops.convert_to_numpy(variable.value), order="C")
        for name, variable in _numbered(model).items()
    }
    save_file(values, folder / FILE)


def read_functional(folder: Path, model: keras.Model) -> None:
    """Assigns the weights of a file to a built model.

    Raises:
        CheckpointError: the file cannot be read or is of another model; nothing is changed then.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    file = folder / FILE
    try:
        values = load_file(file)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}") from None
    variables = _numbered(model)
    if {name: value.shape for name, value in values.items()} != {
        name: tuple(variable.shape) for name, variable in variables.items()
    }:
        raise CheckpointError(
            f"{file} is of another model than recipe.json beside it describes.\n"
            "Take the folder from its source again."
        )
    for name, variable in variables.items():
        variable.assign(values[name])


def _numbered(model: keras.Model) -> dict[str, keras.Variable]:
    return {f"{index:04d}.{weight.name}": weight for index, weight in enumerate(model.weights)}
