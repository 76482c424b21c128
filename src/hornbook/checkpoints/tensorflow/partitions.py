"""Partitioned variables: those that a TensorFlow checkpoint stores in parts."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hornbook.checkpoints.tensorflow.bundle_messages import Entry, dtype_of, slice_key

_MAXIMUM_PARTS = 10_000  # each is compared with each other


def slices_of(part: tuple[tuple[int, int], ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Returns the slices of a part in a variable; a negative length means the whole axis."""
    return tuple(
        slice(begin, begin + length) if length >= 0 else slice(0, size)
        for (begin, length), size in zip(part, shape, strict=True)
    )


def problem_of_parts(key: bytes, entries: Mapping[bytes, Entry], available: int) -> str | None:
    """Returns what is wrong with the parts of a variable, if anything.

    Args:
        key: The variable's key in `entries`.
        entries: All entries of the index.
        available: Total size of the data files, in bytes.
    """
    entry = entries[key]
    if not entry.slices:
        return None
    if entry.size or key[:1] == b"\0":
        return "it has parts and data of its own"
    dtype = dtype_of(entry.type_number)
    if dtype and math.prod(entry.shape) * dtype.itemsize > available:
        return "it is larger than the data files"
    if len(entry.slices) > _MAXIMUM_PARTS:
        return f"it has {len(entry.slices)} parts; the limit is {_MAXIMUM_PARTS}"
    boxes = []
    for part in entry.slices:
        if len(part) != len(entry.shape):
            return f"a part has {len(part)} axes instead of {len(entry.shape)}"
        stored = entries.get(slice_key(key.decode(), part))
        if stored is None:
            return "a part is missing"
        box = [
            (begin, begin + length) if length >= 0 else (0, size)
            for (begin, length), size in zip(part, entry.shape, strict=True)
        ]
        if any(not 0 <= a <= b <= size for (a, b), size in zip(box, entry.shape, strict=True)):
            return "a part exceeds the variable"
        if stored.slices or stored.type_number != entry.type_number:
            return "a part has another type"
        if stored.shape != tuple(b - a for a, b in box):
            return "a part has another shape than its slices"
        boxes.append(box)
    return _problem_of_cover(boxes, entry.shape)


def _problem_of_cover(boxes: list[list[tuple[int, int]]], shape: tuple[int, ...]) -> str | None:
    """Returns a problem unless `boxes`, all inside `shape`, cover it exactly once."""
    if sum(math.prod(b - a for a, b in box) for box in boxes) != math.prod(shape):
        return "its parts do not cover the whole variable"
    corners = np.array(boxes, np.int64).reshape(len(boxes), len(shape), 2)
    for index in range(len(boxes) - 1):
        begin = np.maximum(corners[index, :, 0], corners[index + 1 :, :, 0])
        end = np.minimum(corners[index, :, 1], corners[index + 1 :, :, 1])
        if (begin < end).all(axis=1).any():
            return "its parts overlap"
    return None
