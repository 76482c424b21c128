"""Training a part of a model: weights frozen, or learned through LoRA, by name pattern."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.checkpoints import LazyTensor, numpy_dtype
from hornbook.errors import OptionError, did_you_mean

_LORA = re.compile(r"(^|\.)lora_(kernel|embeddings)_([ab])$")


def freeze(model: Any, patterns: str | Sequence[str]) -> None:
    """Keeps weights as they are in training.

    Args:
        model: The Keras layer, built.
        patterns: Regular expressions, searched for in the paths of its weights:
            `r"embedding|blocks\\.[0-5]\\."`.

    Raises:
        OptionError: a pattern is found in no path.
    """
    from hornbook.models.variables import named_variables

    variables = named_variables(model)
    for path in _found(patterns, variables, "freeze"):
        variables[path].trainable = False


def add_lora(model: Any, patterns: str | Sequence[str], rank: int) -> None:
    """Lets kernels and embeddings learn a product of two narrow matrices, and nothing else.

    The product starts at zero.  Biases, norms and other layers learn as before: freeze them
    too to train as in the paper.

    Args:
        model: The Keras layer, built and with its weights.
        patterns: Regular expressions, searched for in the paths of its dense and embedding
            layers: `r"attention\\.(query|value)$"`.
        rank: Columns of the first matrix and rows of the second.

    Raises:
        OptionError: a pattern is found in no path, or the rank cannot be.

    Reference: https://arxiv.org/abs/2106.09685
    """
    from hornbook.models.variables import named_layers

    if not isinstance(rank, int | np.integer) or rank < 1:
        raise OptionError(f"lora_rank is {rank!r}, expected a whole number of 1 or more.")
    layers = {p: layer for p, layer in named_layers(model).items() if hasattr(layer, "enable_lora")}
    for path in _found(patterns, layers, "lora"):
        layers[path].enable_lora(rank)


def merged_variables(layer: Any) -> dict[str, Any]:
    """The weights of a layer by path, what LoRA has learned added to what it learned on."""
    from hornbook.models.variables import named_layers, named_variables

    variables: dict[str, Any] = named_variables(layer)
    merged = without_lora(variables)
    owners = named_layers(layer)
    for path, variable in variables.items():
        found = _LORA.search(path)
        if found and found[3] == "a":
            beginning = path[: found.end(1)]
            kernel = variables[beginning + found[2]]
            owner = owners[beginning.rstrip(".")]
            factors = (variable, variables[f"{path[:-1]}b"], owner.lora_alpha / owner.lora_rank)
            merged[beginning + found[2]] = LazyTensor(
                tuple(kernel.shape),
                numpy_dtype(str(kernel.dtype)),
                functools.partial(_merge, kernel, *factors),
            )
    return merged


def without_lora(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The weights that a checkpoint has."""
    return {path: variable for path, variable in variables.items() if not _LORA.search(path)}


def reset_lora(variables: Mapping[str, Any]) -> None:
    """Takes back what LoRA has learned."""
    for path, variable in variables.items():
        found = _LORA.search(path)
        if found and found[3] == "b":
            variable.assign(np.zeros(variable.shape, "float32"))


def _merge(kernel: Any, a: Any, b: Any, scale: float) -> np.ndarray:
    kernel, a, b = (np.asarray(variable).astype("float32") for variable in (kernel, a, b))
    return np.asarray(kernel + scale * (a @ b))


def _found(patterns: str | Sequence[str], paths: Iterable[str], option: str) -> list[str]:
    """Those of `paths` in which one of the patterns is found."""
    paths = list(paths)
    found: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        try:
            matching = {path for path in paths if re.search(pattern, path)}
        except re.error as error:
            raise OptionError(f"{option}={pattern!r} is no regular expression: {error}.") from None
        if not matching:
            kinds = {re.sub(r"(?<=\.)\d+(?=\.|$)", "{i}", path) for path in paths if path}
            raise OptionError(
                f"{option}={pattern!r} is found in no path. {did_you_mean(pattern, kinds)}"
            )
        found |= matching
    return [path for path in paths if path in found]
