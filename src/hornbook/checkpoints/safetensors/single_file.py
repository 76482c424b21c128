"""One `.safetensors` file: a JSON header with the location of each tensor, and the tensors.

It is read here rather than by the library so that every size in the header is checked against
the file before anything is allocated, and so that one tensor is in memory at a time: the
library maps the whole file for reading and needs all arrays at once for writing.

Reference: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.checkpoints.byte_range import file_size, read_range
from hornbook.checkpoints.dtypes import numpy_dtype
from hornbook.checkpoints.placeholders import refuse_placeholder
from hornbook.errors import CheckpointError, did_you_mean
from hornbook.files import atomic_file

_MAXIMUM_HEADER = 16_000_000  # bytes; about 100 per tensor
_MAXIMUM_RANK = 32
_TYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "F16": "float16",
    "BF16": "bfloat16",
    "U32": "uint32",
    "I32": "int32",
    "F32": "float32",
    "U64": "uint64",
    "I64": "int64",
    "F64": "float64",
}
_CODES = {name: code for code, name in _TYPES.items()}


@dataclass(frozen=True, slots=True)
class _Location:
    code: str
    shape: tuple[int, ...]
    begin: int
    end: int


class SafetensorsFile:
    """The tensors of one safetensors file.

    Raises:
        CheckpointError: the file is missing or truncated, or its header is damaged.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.files = [self.path]
        self.metadata: dict[str, str] = {}
        refuse_placeholder(self.path)
        size = file_size(self.path)
        try:
            if size < 8:
                raise ValueError("it has less than 8 bytes")
            length = int.from_bytes(read_range(self.path, 0, 8).tobytes(), "little")
            if length > min(size - 8, _MAXIMUM_HEADER):
                raise ValueError(f"its header would have {length} bytes")
            header = read_range(self.path, 8, length).tobytes()
            self._start = 8 + length
            self._locations = self._read_header(header, size - self._start)
        except (ValueError, RecursionError) as error:
            reason = str(error) if isinstance(error, ValueError) else "its header is nested"
            raise CheckpointError(
                f"{self.path} is not a valid safetensors file: {reason}.\n"
                "It was damaged, or not copied or downloaded completely: get it again."
            ) from None

    @property
    def layout(self) -> str:
        """`"keras"` if the metadata says that it has hornbook's own names, else `"huggingface"`."""
        return "keras" if self.metadata.get("format") == "keras" else "huggingface"

    def names(self) -> list[str]:
        """Returns the names of all tensors, sorted."""
        return sorted(self._locations)

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a tensor."""
        return self._location(name).shape

    def dtype(self, name: str) -> np.dtype:
        """Returns the type of a tensor; `object` for one that NumPy does not have."""
        code = self._location(name).code
        return numpy_dtype(_TYPES[code]) if code in _TYPES else np.dtype(object)

    def unreadable_types(self) -> dict[str, int]:
        """Returns the types that NumPy does not have, with their numbers of tensors."""
        codes = [each.code for each in self._locations.values() if each.code not in _TYPES]
        return {code: codes.count(code) for code in set(codes)}

    def read(self, name: str) -> np.ndarray:
        """Reads one tensor.

        Raises:
            CheckpointError: it has a type that NumPy does not have, or the file was truncated.
        """
        location = self._location(name)
        if location.code not in _TYPES:
            raise CheckpointError(
                f"{name!r} in {self.path} is of type {location.code}. {did_you_mean('', _TYPES)}"
            )
        size = location.end - location.begin
        octets = read_range(self.path, self._start + location.begin, size)
        dtype = numpy_dtype(_TYPES[location.code])
        numbers = octets.view(dtype.newbyteorder("<")).astype(dtype, copy=False)
        return numbers.reshape(location.shape)

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Does nothing: the format has no checksums, but a manifest of the folder may."""

    def _location(self, name: str) -> _Location:
        try:
            return self._locations[name]
        except KeyError:
            raise KeyError(
                f"{self.path} has no {name!r}. {did_you_mean(name, self._locations)}"
            ) from None

    def _read_header(self, header: bytes, available: int) -> dict[str, _Location]:
        entries = json.loads(header.decode(), object_pairs_hook=_without_duplicates)
        if not isinstance(entries, dict):
            raise ValueError("its header is not a JSON object")
        metadata = entries.pop("__metadata__", {})
        if isinstance(metadata, dict):
            self.metadata = {str(key): str(value) for key, value in metadata.items()}
        locations = {name: _as_location(name, entry) for name, entry in entries.items()}
        end = 0
        for location in sorted(locations.values(), key=lambda each: (each.begin, each.end)):
            if location.begin != end:
                raise ValueError(f"its tensors overlap or leave a gap at byte {end}")
            end = location.end
        if end != available:
            raise ValueError(f"its tensors need {end} bytes and it has {available} for them")
        return locations


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("its header has a name twice")
    return result


def _as_location(name: str, entry: Any) -> _Location:
    shape = entry.get("shape") if isinstance(entry, dict) else None
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not (
        isinstance(shape, list)
        and isinstance(offsets, list)
        and isinstance(entry.get("dtype"), str)
        and len(offsets) == 2
        and len(shape) <= _MAXIMUM_RANK
        and all(type(number) is int and 0 <= number < 1 << 60 for number in (*shape, *offsets))
        and math.prod(max(size, 1) for size in shape) < 1 << 60
        and offsets[0] <= offsets[1]
    ):
        raise ValueError(f"its header does not describe the tensor {name!r} properly")
    location = _Location(entry["dtype"], tuple(shape), *offsets)
    if location.code in _TYPES:
        size = math.prod(shape) * numpy_dtype(_TYPES[location.code]).itemsize
        if size != location.end - location.begin:
            stored = location.end - location.begin
            raise ValueError(f"{name!r} has {stored} bytes instead of {size}")
    return location


def write_safetensors(
    path: str | Path,
    tensors: Mapping[str, Any],
    *,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Writes one safetensors file, whole or not at all.

    Args:
        path: The file to write or replace.
        tensors: Name to array, or to anything with `shape` and `dtype` that `numpy.asarray`
            converts to one, one at a time.
        metadata: Metadata of the header.  Defaults to `{"format": "pt"}`, without which
            transformers does not load the file.

    Raises:
        TypeError: the format has no such number type.
        HornbookError: the disk is full, or the file may not be written.
    """
    path = Path(path)
    dtypes = {name: np.dtype(tensor.dtype) for name, tensor in tensors.items()}
    for name, dtype in dtypes.items():
        if dtype.name not in _CODES:
            known = ", ".join(_CODES)
            raise TypeError(f"{name!r}: a safetensors file cannot hold {dtype.name}, only {known}")
    # the widest types first, so that every number is aligned to its size
    order = sorted(tensors, key=lambda name: (-dtypes[name].itemsize, name))
    header: dict[str, Any] = {"__metadata__": dict(metadata or {"format": "pt"})}
    end = 0
    for name in order:
        begin, shape = end, [int(size) for size in tensors[name].shape]
        end += math.prod(shape) * dtypes[name].itemsize
        header[name] = {
            "dtype": _CODES[dtypes[name].name],
            "shape": shape,
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic_file(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(_as_bytes(np.asarray(tensors[name]), dtypes[name]))
    return path


def _as_bytes(array: np.ndarray, dtype: np.dtype) -> memoryview:
    little = array.astype(dtype.newbyteorder("<"), order="C", copy=False)
    return little.reshape(-1).view(np.uint8).data
