"""One `.safetensors` file: a JSON header that says where each tensor is, and the tensors.

The header is read here rather than by the library so that every size in it is held against
the file before anything is allocated, and so that one tensor is in memory at a time: the
library maps the whole file for reading and wants all arrays at once for writing.

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

_LARGEST_HEADER = 16_000_000  # bytes; 100 describe a tensor
_LARGEST_RANK = 32
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
class _Place:
    code: str
    shape: tuple[int, ...]
    begin: int
    end: int


class SafetensorsFile:
    """The tensors of one safetensors file.

    Raises:
        CheckpointError: the file is missing, cut off, or its header is damaged.
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
            if length > min(size - 8, _LARGEST_HEADER):
                raise ValueError(f"its header would have {length} bytes")
            header = read_range(self.path, 8, length).tobytes()
            self._start = 8 + length
            self._places = self._read_header(header, size - self._start)
        except (ValueError, RecursionError) as error:
            reason = str(error) if isinstance(error, ValueError) else "its header is nested"
            raise CheckpointError(
                f"{self.path} is not a sound safetensors file: {reason}.\n"
                "It was damaged, or not copied or downloaded completely: get it again."
            ) from None

    @property
    def layout(self) -> str:
        """`"keras"` when the file says it was written with hornbook's own names."""
        return "keras" if self.metadata.get("format") == "keras" else "huggingface"

    def names(self) -> list[str]:
        """The names of all tensors, sorted."""
        return sorted(self._places)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return self._place(name).shape

    def dtype(self, name: str) -> np.dtype:
        """The type of a tensor; `object` for one that NumPy does not have."""
        code = self._place(name).code
        return numpy_dtype(_TYPES[code]) if code in _TYPES else np.dtype(object)

    def unreadable_types(self) -> dict[str, int]:
        """The types that NumPy does not have, and how many tensors are of each."""
        codes = [place.code for place in self._places.values() if place.code not in _TYPES]
        return {code: codes.count(code) for code in set(codes)}

    def read(self, name: str) -> np.ndarray:
        """Reads one tensor.

        Raises:
            CheckpointError: it is of a type that NumPy does not have, or the file has
                become shorter.
        """
        place = self._place(name)
        if place.code not in _TYPES:
            raise CheckpointError(
                f"{name!r} in {self.path} is of type {place.code}. {did_you_mean('', _TYPES)}"
            )
        octets = read_range(self.path, self._start + place.begin, place.end - place.begin)
        dtype = numpy_dtype(_TYPES[place.code])
        return octets.view(dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(place.shape)

    def verify(self, names: Iterable[str] | None = None) -> None:
        """The format has no checksums: a manifest next to the file may have one."""

    def _place(self, name: str) -> _Place:
        try:
            return self._places[name]
        except KeyError:
            raise KeyError(
                f"{self.path} has no {name!r}. {did_you_mean(name, self._places)}"
            ) from None

    def _read_header(self, header: bytes, available: int) -> dict[str, _Place]:
        entries = json.loads(header.decode(), object_pairs_hook=_without_repetition)
        if not isinstance(entries, dict):
            raise ValueError("its header is not a list of tensors")
        metadata = entries.pop("__metadata__", {})
        if isinstance(metadata, dict):
            self.metadata = {str(key): str(value) for key, value in metadata.items()}
        places = {name: _as_place(name, entry) for name, entry in entries.items()}
        end = 0
        for place in sorted(places.values(), key=lambda place: (place.begin, place.end)):
            if place.begin != end:
                raise ValueError(f"its tensors overlap or leave a gap at byte {end}")
            end = place.end
        if end != available:
            raise ValueError(f"its tensors need {end} bytes and it has {available} for them")
        return places


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice in its header")
    return result


def _as_place(name: str, entry: Any) -> _Place:
    shape = entry.get("shape") if isinstance(entry, dict) else None
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not (
        isinstance(shape, list)
        and isinstance(offsets, list)
        and isinstance(entry.get("dtype"), str)
        and len(offsets) == 2
        and len(shape) <= _LARGEST_RANK
        and all(type(number) is int and 0 <= number < 1 << 60 for number in (*shape, *offsets))
        and math.prod(max(size, 1) for size in shape) < 1 << 60
        and offsets[0] <= offsets[1]
    ):
        raise ValueError(f"its header does not describe the tensor {name!r} properly")
    place = _Place(entry["dtype"], tuple(shape), *offsets)
    if place.code in _TYPES:
        size = math.prod(shape) * numpy_dtype(_TYPES[place.code]).itemsize
        if size != place.end - place.begin:
            raise ValueError(f"{name!r} has {place.end - place.begin} bytes instead of {size}")
    return place


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
            turns into one (it is asked for one at a time).
        metadata: What the header says about the file.  By default `{"format": "pt"}`,
            without which transformers does not open it.

    Raises:
        TypeError: the format has no such number type.
        HornbookError: the disk is full, or the place may not be written to.
    """
    path = Path(path)
    dtypes = {name: np.dtype(tensor.dtype) for name, tensor in tensors.items()}
    for name, dtype in dtypes.items():
        if dtype.name not in _CODES:
            known = ", ".join(_CODES)
            raise TypeError(f"{name!r}: a safetensors file cannot hold {dtype.name}, only {known}")
    # Wide numbers first, so that each stands at a multiple of its size.
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
