"""Image networks of `keras.applications` by name, with their weights and preprocessing."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from hornbook.errors import CheckpointError, HornbookError, OptionError, did_you_mean

GROUPS = 10  # groups of layers, each with its own learning rate


def backbone_names() -> list[str]:
    """Returns the names of all networks of `keras.applications`."""
    return sorted(
        name
        for name, value in vars(keras.applications).items()
        if inspect.isfunction(value) and name[0].isupper()
    )


def make_backbone(
    name: str, *, weights: str | None = None, alpha: float | None = None
) -> keras.Model:
    """Creates a network without its classifier and pooling.

    Args:
        name: A network of `keras.applications`: `"Xception"`, `"MobileNetV2"` ...
        weights: `"imagenet"`; a file of weights, with or without the classifier; None or
            `"none"` for random weights.
        alpha: Width multiplier of MobileNet and MobileNetV2.  Defaults to 1.

    Returns:
        A `keras.Model` from images `(batch, height, width, 3)`, prepared by
        `preprocessing(name)`, to features `(batch, smaller height, smaller width, channels)`.

    Raises:
        OptionError: there is no such network, or it has no `alpha`.
        HornbookError: the weights cannot be downloaded or do not exist.
        CheckpointError: the file does not contain the weights of this network.
    """
    function = _function(name)
    options: dict[str, Any] = {"include_top": False}
    if alpha is not None:
        if "alpha" not in inspect.signature(function).parameters:
            raise OptionError(
                f"{name} has no alpha: it is the width multiplier of MobileNet and MobileNetV2."
            )
        options["alpha"] = alpha
    network = function(weights=None, input_shape=(None, None, 3), **options)
    if weights == "imagenet":
        network.set_weights(_imagenet(name, function, options).get_weights())
    elif weights not in (None, "none"):
        _read(network, Path(str(weights)), name, function, options)
    return network


def preprocessing(name: str) -> Callable[..., Any]:
    """Returns the preprocessing of pixels from 0 to 255: a function of arrays or Keras tensors.

    Called on a `keras.Input` it becomes part of the model, so that it is the same in training, in
    prediction and in an exported file.
    """
    return sys.modules[_function(name).__module__].preprocess_input


def backbone_rates(network: keras.Model, decay: float) -> dict[str, float]:
    """Returns learning rates that shrink toward the input, by `decay` per tenth of the layers.

    Returns:
        `variable.path` -> factor, for `adamw`.
    """
    layers = [layer for layer in network.layers if layer.trainable_variables]
    return {
        variable.path: decay ** (GROUPS - index * GROUPS // len(layers))
        for index, layer in enumerate(layers)
        for variable in layer.trainable_variables
    }


def _function(name: str) -> Callable[..., Any]:
    if name not in backbone_names():
        raise OptionError(f"Unknown backbone {name!r}. {did_you_mean(name, backbone_names())}")
    return getattr(keras.applications, name)


def _imagenet(name: str, function: Callable[..., Any], options: dict[str, Any]) -> keras.Model:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # about the input size, which only matters to a classifier
            return function(weights="imagenet", **options)
    except Exception as error:  # urllib's, http's, the operating system's, h5py's, Keras's own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise HornbookError(
            f"The ImageNet weights of {name} cannot be downloaded: {reason}\n"
            "Without a connection, copy the file at this address to ~/.keras/models, or use "
            "--weights FILE for a file of weights, or --weights none for random weights."
        ) from None


def _read(
    network: keras.Model,
    file: Path,
    name: str,
    function: Callable[..., Any],
    options: dict[str, Any],
) -> None:
    """Reads weights that were saved with or without the classifier."""
    if not file.is_file():
        raise HornbookError(
            f"The file of weights {file} does not exist.\n"
            "--weights takes a .weights.h5 or .h5 file, imagenet, or none."
        )
    if not file.name.endswith(".h5"):
        raise CheckpointError(f"{file}: expected a .weights.h5 or .h5 file of keras.applications.")
    problems = []
    for top in (False, True):
        model = network
        if top:
            model = function(weights=None, **{**options, "include_top": True})
        try:
            with warnings.catch_warnings():
                # about layers that are not in the file: the error that follows counts them
                warnings.filterwarnings("ignore", message="Skipping nested container")
                model.load_weights(file)
        except Exception as error:  # h5py and Keras raise almost anything for a foreign file
            problems.append(str(error).strip().splitlines()[0])
            continue
        if top:
            network.set_weights(model.get_weights()[: len(network.weights)])
        return
    width = f" with alpha {options['alpha']}" if "alpha" in options else ""
    raise CheckpointError(
        f"{file} does not contain the weights of {name}{width}:\n"
        f"  without the classifier  {problems[0]}\n"
        f"  with it                 {problems[1]}\n"
        "Is it another network, or another --alpha?"
    )
