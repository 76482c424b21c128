"""Exports a Keras model to ONNX with Keras, then runs the file and compares the outputs.

Keras can write ONNX on every backend in principle.  Measured with Keras 3.15: PyTorch and
TensorFlow write correct files, with batches of any size; JAX goes through jax2onnx, whose max
pooling ONNX Runtime refuses.  So where this backend cannot export, a process on another backend
does, and a file is only written if ONNX Runtime agrees with Keras.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from hornbook.errors import HornbookError, MissingExtraError, require
from hornbook.files import atomic_file

# backend -> packages its export needs besides onnx and onnxruntime; in order of preference
ROUTES = {
    "torch": ("torch", "onnxscript"),
    "tensorflow": ("tensorflow", "tf2onnx"),
    "jax": ("jax", "jax2onnx"),
}
TOLERANCE = 1e-3  # of the largest output
BATCH_SIZES = (1, 3)


def export_onnx(
    model: keras.Model, file: str | Path, *, metadata: Mapping[str, str], command: Sequence[str]
) -> float:
    """Exports the model to `file`, after ONNX Runtime has reproduced its outputs.

    Args:
        model: Functional, from float pixels of 0 to 255, `(batch, ...)`, to one output.
        file: The file to write or replace; it ends in `.onnx`.
        metadata: Metadata properties of the ONNX model.
        command: Arguments of the `hornbook` command that does the same export; it is run on
            another backend if this one cannot export.

    Returns:
        The largest difference between ONNX Runtime's outputs and this model's.

    Raises:
        MissingExtraError: no installed backend can export.
        HornbookError: the outputs of the file differ.
    """
    for package in ("onnx", "onnxruntime"):
        require(package, extra="onnx")
    route = export_backend(keras.config.backend())
    if route == keras.config.backend():
        data = _exported(model)
    else:
        data = _exported_on(route, command)
    data = _with_metadata(data, metadata)
    difference = largest_difference(model, data)
    with atomic_file(file) as out:
        out.write(data)
    return difference


def export_backend(backend: str) -> str:
    """Returns the backend to export with: `backend` if it can, else the best installed one.

    Raises:
        MissingExtraError: there is none.
    """
    backends = [name for name, packages in ROUTES.items() if all(map(_installed, packages))]
    if backend in backends and backend != "jax":  # jax only if there is no other
        return backend
    if backends:
        return backends[0]
    raise MissingExtraError(
        "Keras writes ONNX through PyTorch (with onnxscript) or TensorFlow (with tf2onnx), and "
        "neither is installed.\nInstall one with:  pip install 'hornbook[onnx,torch]'\n"
        "The run itself stays on its backend."
    )


def largest_difference(model: keras.Model, data: bytes) -> float:
    """Compares an ONNX file with the model on random images, in batches of 1 and of 3.

    Raises:
        HornbookError: the file cannot be run, or the outputs differ by more than the tolerance.
    """
    runtime = require("onnxruntime", extra="onnx")
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # errors are reported once, below
    random = np.random.default_rng(0)
    largest = 0.0
    for batch in BATCH_SIZES:
        shape = (batch, *model.input.shape[1:])
        pixels = random.uniform(0, 255, shape).astype(np.float32)
        expected = keras.ops.convert_to_numpy(model.predict_on_batch(pixels))
        try:
            session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            (outputs,) = session.run(None, {session.get_inputs()[0].name: pixels})
        except Exception as error:  # ONNX Runtime's own, of which there are many
            raise HornbookError(
                f"ONNX Runtime cannot run the file that Keras wrote: {str(error).splitlines()[0]}\n"
                "No file was written.  Another backend may work: "
                "pip install 'hornbook[onnx,torch]'"
            ) from None
        difference = float(np.abs(outputs - expected).max())
        if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise HornbookError(
                f"The ONNX file that Keras wrote differs from the model by {difference:.2g}.\n"
                "No file was written.  Please report this with the output of `hornbook info`."
            )
        largest = max(largest, difference)
    return largest


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _exported(model: keras.Model) -> bytes:
    """Returns the bytes of Keras's own export, which can only write to a file."""
    # Keras only exports a model that was called
    model(np.zeros((1, *model.input.shape[1:]), np.float32))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converters', about Python values in a trace
        file = Path(folder, "model.onnx")
        with contextlib.redirect_stdout(io.StringIO()):
            model.export(file, format="onnx", verbose=False)
        return _with_weights(file)


def _with_weights(file: Path) -> bytes:
    """Returns the model with its weights: large models have them in a second file."""
    onnx = require("onnx", extra="onnx")
    data: bytes = onnx.load(file).SerializeToString()
    return data


def _with_metadata(data: bytes, metadata: Mapping[str, str]) -> bytes:
    onnx = require("onnx", extra="onnx")
    model: Any = onnx.load_from_string(data)
    onnx.helper.set_model_props(model, dict(metadata))
    serialized: bytes = model.SerializeToString()
    return serialized


def _exported_on(backend: str, command: Sequence[str]) -> bytes:
    """Returns the file that the same command writes in a process on another backend."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        result = subprocess.run(
            [sys.executable, "-m", "hornbook", *command, "--out", str(file)],
            env={**os.environ, "KERAS_BACKEND": backend, "HORNBOOK_QUIET": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode or not file.is_file():
            raise HornbookError(
                f"Writing ONNX on {backend} failed:\n{result.stderr.strip()[-2000:]}"
            )
        return file.read_bytes()
