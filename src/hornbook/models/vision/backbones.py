"""Picture networks of `keras.applications` by name, with their weights and their preprocessing."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from hornbook.errors import CheckpointError, HornbookError, OptionError, did_you_mean

GROUPS = 10  # groups of layers with a learning rate of their own


def backbone_names() -> list[str]:
    """The names that `make_backbone` knows: all of `keras.applications`."""
    return sorted(
        name
        for name, value in vars(keras.applications).items()
        if inspect.isfunction(value) and name[0].isupper()
    )


def make_backbone(
    name: str, *, weights: str | None = None, alpha: float | None = None
) -> keras.Model:
    """A network without its classifier and pooling.

    Args:
        name: Of a function of `keras.applications`: `"Xception"`, `"MobileNetV2"` ...
        weights: `"imagenet"`; a file of weights, with the classifier or without; None or
            `"none"`: random ones.
        alpha: Width of MobileNet and MobileNetV2, where 1 is the usual one.

    Returns:
        A `keras.Model` from pictures `(batch, height, width, 3)`, prepared by
        `preprocessing(name)`, to features `(batch, smaller height, smaller width, channels)`.

    Raises:
        OptionError: there is no such network, or it has no `alpha`.
        HornbookError: the weights cannot be had here.
        CheckpointError: the file is not one of this network's weights.
    """
    function = _function(name)
    options: dict[str, Any] = {"include_top": False}
    if alpha is not None:
        if "alpha" not in inspect.signature(function).parameters:
            raise OptionError(
                f"{name} has no alpha; that is the width of MobileNet and MobileNetV2."
            )
        options["alpha"] = alpha
    network = function(weights=None, input_shape=(None, None, 3), **options)
    if weights == "imagenet":
        network.set_weights(_imagenet(name, function, options).get_weights())
    elif weights not in (None, "none"):
        _read(network, Path(str(weights)), name, function, options)
    return network


def preprocessing(name: str) -> Callable[..., Any]:
    """What a network wants done to pixels of 0 to 255: a function of arrays or Keras tensors.

    Called on a `keras.Input` it becomes part of the model, and training, prediction and an
    exported file cannot differ in it.
    """
    return sys.modules[_function(name).__module__].preprocess_input


def backbone_rates(network: keras.Model, decay: float) -> dict[str, float]:
    """Smaller learning rates nearer to the pixels: a tenth of the layers has `decay` of the next.

    Returns:
        `variable.path` -> factor, for `adamw`.
    """
    layers = [layer for layer in network.layers if layer.trainable_variables]
    return {
        variable.path: decay ** (GROUPS - number * GROUPS // len(layers))
        for number, layer in enumerate(layers)
        for variable in layer.trainable_variables
    }


def _function(name: str) -> Callable[..., Any]:
    if name not in backbone_names():
        raise OptionError(f"There is no backbone {name!r}. {did_you_mean(name, backbone_names())}")
    return getattr(keras.applications, name)


def _imagenet(name: str, function: Callable[..., Any], options: dict[str, Any]) -> keras.Model:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the input size, which only a classifier needs
            return function(weights="imagenet", **options)
    except Exception as error:  # urllib's, http's, the operating system's, h5py's, Keras's own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise HornbookError(
            f"The ImageNet weights of {name} cannot be had: {reason}\n"
            "Without a connection: put the file that this address names into ~/.keras/models, or "
            "give a file of weights with --weights FILE, or start from random weights with "
            "--weights none."
        ) from None


def _read(
    network: keras.Model,
    file: Path,
    name: str,
    function: Callable[..., Any],
    options: dict[str, Any],
) -> None:
    """Reads weights that were saved with the classifier or without it."""
    if not file.is_file():
        raise HornbookError(
            f"There is no file of weights {file}.\n"
            "--weights takes a .weights.h5 or .h5 file, imagenet, or none."
        )
    if not file.name.endswith(".h5"):
        raise CheckpointError(
            f"{file}: weights of keras.applications are in a .weights.h5 or .h5 file."
        )
    problems = []
    for top in (False, True):
        whole = network
        if top:
            whole = function(weights=None, **{**options, "include_top": True})
        try:
            with warnings.catch_warnings():
                # of parts that are not in the file: the error that follows counts them
                warnings.filterwarnings("ignore", message="Skipping nested container")
                whole.load_weights(file)
        except Exception as error:  # h5py and Keras raise almost anything on a foreign file
            problems.append(str(error).strip().splitlines()[0])
            continue
        if top:
            network.set_weights(whole.get_weights()[: len(network.weights)])
        return
    width = f" with alpha {options['alpha']}" if "alpha" in options else ""
    raise CheckpointError(
        f"{file} does not hold the weights of {name}{width}:\n"
        f"  without the classifier  {problems[0]}\n"
        f"  with it                 {problems[1]}\n"
        "Is it another network, or another --alpha?"
    )
