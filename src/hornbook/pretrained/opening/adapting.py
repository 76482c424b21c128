"""Trains a part of a model: freezes weights and adds LoRA, by name pattern."""

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
    """Excludes weights from training.

    Args:
        model: The Keras layer, built.
        patterns: Regular expressions, searched for in the paths of its weights:
            `r"embedding|blocks\\.[0-5]\\."`.

    Raises:
        OptionError: a pattern matches no path.
    """
    from hornbook.models.variables import named_variables

    variables = named_variables(model)
    for path in _matching_paths(patterns, variables, "freeze"):
        variables[path].trainable = False


def add_lora(model: Any, patterns: str | Sequence[str], rank: int) -> None:
    """Freezes kernels and embeddings, and trains a low-rank matrix added to each instead.

    The added matrix, a product of two narrow ones, starts at zero.  Biases, norms and other layers
    stay trainable: freeze them too to train as in the paper.

    Args:
        model: The Keras layer, built and with its weights.
        patterns: Regular expressions, searched for in the paths of its dense and embedding
            layers: `r"attention\\.(query|value)$"`.
        rank: Columns of the first matrix and rows of the second.

    Raises:
        OptionError: a pattern matches no path, or the rank is less than 1.

    Reference: https://arxiv.org/abs/2106.09685
    """
    from hornbook.models.variables import named_layers

    if not isinstance(rank, int | np.integer) or rank < 1:
        raise OptionError(f"lora_rank is {rank!r}; it must be a whole number of at least 1.")
    layers = {p: layer for p, layer in named_layers(model).items() if hasattr(layer, "enable_lora")}
    for path in _matching_paths(patterns, layers, "lora"):
        layers[path].enable_lora(rank)


def merged_variables(layer: Any) -> dict[str, Any]:
    """Returns the weights of a layer by path, with LoRA's matrices added to the frozen ones."""
    from hornbook.models.variables import named_layers, named_variables

    variables: dict[str, Any] = named_variables(layer)
    merged = without_lora(variables)
    owners = named_layers(layer)
    for path, variable in variables.items():
        match = _LORA.search(path)
        if match and match[3] == "a":
            prefix = path[: match.end(1)]
            kernel = variables[prefix + match[2]]
            owner = owners[prefix.rstrip(".")]
            factors = (variable, variables[f"{path[:-1]}b"], owner.lora_alpha / owner.lora_rank)
            merged[prefix + match[2]] = LazyTensor(
                tuple(kernel.shape),
                numpy_dtype(str(kernel.dtype)),
                functools.partial(_merge, kernel, *factors),
            )
    return merged


def without_lora(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the weights that a checkpoint has: all but LoRA's."""
    return {path: variable for path, variable in variables.items() if not _LORA.search(path)}


def reset_lora(variables: Mapping[str, Any]) -> None:
    """Resets the products of LoRA's matrices to zero."""
    for path, variable in variables.items():
        match = _LORA.search(path)
        if match and match[3] == "b":
            variable.assign(np.zeros(variable.shape, "float32"))


def _merge(kernel: Any, a: Any, b: Any, scale: float) -> np.ndarray:
    kernel, a, b = (np.asarray(variable).astype("float32") for variable in (kernel, a, b))
    return np.asarray(kernel + scale * (a @ b))


def _matching_paths(patterns: str | Sequence[str], paths: Iterable[str], option: str) -> list[str]:
    """Returns the paths that any of the patterns matches."""
    paths = list(paths)
    matches: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        try:
            new_matches = {path for path in paths if re.search(pattern, path)}
        except re.error as error:
            raise OptionError(
                f"{option}={pattern!r} is not a regular expression: {error}."
            ) from None
        if not new_matches:
            kinds = {re.sub(r"(?<=\.)\d+(?=\.|$)", "{i}", path) for path in paths if path}
            raise OptionError(
                f"{option}={pattern!r} matches no path. {did_you_mean(pattern, kinds)}"
            )
        matches |= new_matches
    return [path for path in paths if path in matches]
