"""Variables that a TensorFlow checkpoint holds in parts (partitioned variables)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hornbook.checkpoints.tensorflow.bundle_messages import Entry, dtype_of, slice_key

_MOST_PARTS = 10_000  # each is held against each other


def place_of(part: tuple[tuple[int, int], ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Where in a variable of this shape a part belongs; a negative length is the whole axis."""
    return tuple(
        slice(begin, begin + length) if length >= 0 else slice(0, size)
        for (begin, length), size in zip(part, shape, strict=True)
    )


def problem_of_parts(key: bytes, entries: Mapping[bytes, Entry], available: int) -> str | None:
    """What is wrong with the parts of a variable, if it has any.

    Args:
        key: The variable's key in `entries`.
        entries: The whole index.
        available: The size of the data files in bytes.
    """
    entry = entries[key]
    if not entry.slices:
        return None
    if entry.size or key[:1] == b"\0":
        return "it has parts and data of its own"
    dtype = dtype_of(entry.type_number)
    if dtype and math.prod(entry.shape) * dtype.itemsize > available:
        return "it is larger than the data files"
    if len(entry.slices) > _MOST_PARTS:
        return f"it has {len(entry.slices)} parts; the limit is {_MOST_PARTS}"
    boxes = []
    for part in entry.slices:
        if len(part) != len(entry.shape):
            return f"a part has {len(part)} axes of {len(entry.shape)}"
        stored = entries.get(slice_key(key.decode(), part))
        if stored is None:
            return "a part is missing"
        box = [
            (begin, begin + length) if length >= 0 else (0, size)
            for (begin, length), size in zip(part, entry.shape, strict=True)
        ]
        if any(not 0 <= a <= b <= size for (a, b), size in zip(box, entry.shape, strict=True)):
            return "a part reaches beyond the variable"
        if stored.slices or stored.type_number != entry.type_number:
            return "a part is of another type"
        if stored.shape != tuple(b - a for a, b in box):
            return "a part has another shape than its place"
        boxes.append(box)
    return _problem_of_cover(boxes, entry.shape)


def _problem_of_cover(boxes: list[list[tuple[int, int]]], shape: tuple[int, ...]) -> str | None:
    """Whether `boxes`, all inside `shape`, cover it exactly once."""
    if sum(math.prod(b - a for a, b in box) for box in boxes) != math.prod(shape):
        return "its parts do not make up the whole variable"
    corners = np.array(boxes, np.int64).reshape(len(boxes), len(shape), 2)
    for number in range(len(boxes) - 1):
        begin = np.maximum(corners[number, :, 0], corners[number + 1 :, :, 0])
        end = np.minimum(corners[number, :, 1], corners[number + 1 :, :, 1])
        if (begin < end).all(axis=1).any():
            return "its parts overlap"
    return None
