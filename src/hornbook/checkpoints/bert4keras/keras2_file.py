"""HDF5 files of Keras 2, from `save_weights` or `save`, with the weights of bert4keras's layers.

A group per layer has its arrays, and their order in the attribute `weight_names`; the order of
the layers is in `layer_names`.  A file of a whole model has these in `model_weights`, and its
architecture in the attribute `model_config`.  h5py reads these headers only: they are compared
with the size of the file, and the numbers are read from their places.

Reference: keras/engine/saving.py of Keras 2.3
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.checkpoints.bert4keras.hdf5_heaps import check_heaps
from hornbook.checkpoints.bert4keras.layer_names import (
    is_layer_of_bert4keras,
    names_in_layer,
    plain_name,
    prefixes,
)
from hornbook.checkpoints.byte_range import file_size, read_range
from hornbook.checkpoints.placeholders import refuse_placeholder
from hornbook.errors import CheckpointError, did_you_mean

MAGIC = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: Path) -> bool:
    """Returns whether a file begins as HDF5 files do."""
    return file_size(path) >= len(MAGIC) and read_range(path, 0, len(MAGIC)).tobytes() == MAGIC


def is_keras2(path: Path) -> bool:
    """Returns whether an HDF5 file has the names of layers that Keras 2 writes, and Keras 3 not."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            group = file.get("model_weights", file)
            return "layer_names" in group.attrs or "layer_names0" in group.attrs
    except (OSError, ValueError, KeyError, RuntimeError):
        return False


@dataclass(frozen=True, slots=True)
class _Location:
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def has_numbers(self) -> bool:
        return self.dtype.kind in "fiu"

    def read(self, path: Path) -> np.ndarray:
        array = read_range(path, self.offset, self.size).view(self.dtype).reshape(self.shape)
        return array.astype(self.dtype.newbyteorder("="), copy=False)


class _File:
    """The size of a file, and whether its heaps were checked."""

    def __init__(self, path: Path):
        self.size = file_size(path)
        self._path = path
        self._is_checked = False

    def check_heaps(self) -> None:
        """Checks the heaps once."""
        if not self._is_checked:
            check_heaps(self._path)
            self._is_checked = True


class Keras2File:
    """The weights of one HDF5 file that Keras 2 wrote.

    Attributes:
        layers: Names of all layers in their order, also of those without weights.
        architecture: Each layer's name -> its class and configuration; empty in a file of weights.

    Raises:
        CheckpointError: the file is damaged, or Keras 2 did not write it.
    """

    layout = "bert4keras"

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.files = [self.path]
        self.layers: list[str] = []
        self.architecture: dict[str, dict[str, Any]] = {}
        refuse_placeholder(self.path)
        with _damage_named(self.path):
            self._locations = self._read_headers()

    def names(self) -> list[str]:
        """Returns the names of all weights, sorted."""
        return sorted(self._locations)

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a weight."""
        return self._location(name).shape

    def dtype(self, name: str) -> np.dtype:
        """Returns the type of a weight; `object` for one that holds no numbers."""
        location = self._location(name)
        return location.dtype.newbyteorder("=") if location.has_numbers else np.dtype(object)

    def read(self, name: str) -> np.ndarray:
        """Reads one weight.

        Raises:
            CheckpointError: it holds no numbers, or the file was truncated.
        """
        location = self._location(name)
        if not location.has_numbers:
            raise CheckpointError(f"{name!r} in {self.path} holds no numbers; it cannot be read.")
        return location.read(self.path)

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Does nothing: these files have no checksums."""

    def _location(self, name: str) -> _Location:
        try:
            return self._locations[name]
        except KeyError:
            raise KeyError(
                f"{self.path} has no {name!r}. {did_you_mean(name, self.names())}"
            ) from None

    def _read_headers(self) -> dict[str, _Location]:
        import h5py

        whole = _File(self.path)
        with h5py.File(self.path, "r") as file:
            group = file.get("model_weights", file)
            self.layers = _names(group, "layer_names", whole)
            if not self.layers:
                raise ValueError("it has no layer_names, as files of Keras 3 do not")
            if "model_config" in file.attrs:
                self.architecture = _architecture(_attribute(file, "model_config", whole))
            weights = list(_weights(group, self.layers, whole))
        kinds = prefixes(layer for layer, _, _ in weights)
        prefix = kinds[0] if len(kinds) == 1 else ""
        locations = {}
        for layer, within, location in weights:
            name = f"{plain_name(layer, prefix)}/{within}"
            if name in locations:
                raise ValueError(f"it has two models: {name} is there twice")
            locations[name] = location
        return locations


def arrays_by_layer(path: Path) -> dict[str, list[np.ndarray]]:
    """Returns the arrays of each layer, both in the order of the file, as Keras 2 loads them.

    Raises:
        CheckpointError: the file is damaged, or Keras 2 did not write it.
    """
    import h5py

    whole = _File(path)
    with _damage_named(path), h5py.File(path, "r") as file:
        group = file.get("model_weights", file)
        locations = {}
        for layer in _names(group, "layer_names", whole):
            of_layer = _child(group, layer)
            names = _names(of_layer, "weight_names", whole)
            locations[layer] = [_location(of_layer, name, whole.size) for name in names]
            if not all(location.has_numbers for location in locations[layer]):
                raise ValueError(f"{layer!r} has weights that are no numbers")
    return {layer: [one.read(path) for one in parts] for layer, parts in locations.items()}


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is not a valid weight file of Keras 2: {error}.\n"
            "It was damaged, or not copied completely, or is something else."
        ) from None


def _weights(group: Any, layers: list[str], file: _File) -> Iterator[tuple[str, str, _Location]]:
    """Yields a layer, the name of a weight in it, and where that is."""
    for layer in layers:
        of_layer = _child(group, layer)
        stored = _names(of_layer, "weight_names", file)
        of: dict[str, list[str]] = {}
        for name in stored:  # a layer that is itself a model has the weights of others
            owner = name.partition("/")[0]
            nested = not is_layer_of_bert4keras(layer) and is_layer_of_bert4keras(owner)
            of.setdefault(owner if nested else layer, []).append(name)
        for owner, names in of.items():
            for name, within in zip(names, names_in_layer(owner, names), strict=True):
                yield owner, within, _location(of_layer, name, file.size)


def _child(group: Any, path: str) -> Any:
    """Returns a group or an array in the same file, never through a link to another one."""
    import h5py

    for part in path.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"it has no {path!r}")
        group = group[part]
    return group


def _location(group: Any, name: str, size: int) -> _Location:
    import h5py

    array = _child(group, name)
    if not isinstance(array, h5py.Dataset) or array.shape is None:
        raise ValueError(f"{name!r} is no array")
    if array.id.get_create_plist().get_layout() != h5py.h5d.CONTIGUOUS or array.external:
        raise ValueError(f"{name!r} is compressed or stored in parts, which Keras does not do")
    location = _Location(array.dtype, tuple(map(int, array.shape)), array.id.get_offset() or 0)
    begin, length = location.offset, location.size
    if begin < 0 or begin + length > size or (length and not begin):
        raise ValueError(f"{name!r} would need {length:,} bytes, which it does not have")
    return location


def _names(group: Any, attribute: str, file: _File) -> list[str]:
    """Returns a list of names; long ones are in several attributes, with a number at the end."""
    if attribute in group.attrs:
        parts = [_attribute(group, attribute, file)]
    else:
        parts = []
        while (part := f"{attribute}{len(parts)}") in group.attrs:
            parts.append(_attribute(group, part, file))
    values = [name for part in parts for name in np.atleast_1d(part)]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _attribute(group: Any, name: str, file: _File) -> Any:
    stored = group.attrs.get_id(name)
    if math.prod(stored.shape or ()) * stored.dtype.itemsize > file.size:
        raise ValueError(f"{name} is larger than the file")
    if stored.dtype.kind == "O":  # strings of any length
        file.check_heaps()
    return group.attrs[name]


def _architecture(text: str | bytes) -> dict[str, dict[str, Any]]:
    """Returns the layers of a model and of the models in it, by name."""
    layers: dict[str, dict[str, Any]] = {}
    parts = [json.loads(text)]
    while parts:
        part = parts.pop()
        if not isinstance(part, dict) or not isinstance(part.get("config"), dict):
            raise ValueError("its model_config is damaged")
        inner = part["config"].get("layers")
        if isinstance(inner, list):
            parts += inner
        else:
            layers[str(part["config"].get("name"))] = part
    return layers
