"""Reads parts of files; memory is allocated only after the size of the file is checked.

Files are read, not mapped: mapped pages count as memory until they are released, and a file
that shrinks while it is mapped kills the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hornbook.errors import CheckpointError

_CHUNK = 4 * 1024 * 1024
_ALIGNMENT = 64  # bytes; JAX uses memory aligned like this without a copy


def read_range(path: Path, offset: int, size: int) -> np.ndarray:
    """Returns `size` bytes of the file from `offset` on: `(size,)` uint8, aligned to 64 bytes.

    Raises:
        CheckpointError: the file is shorter than that, or cannot be read.
    """
    _check_range(path, offset, size)
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    begin = -memory.ctypes.data % _ALIGNMENT
    octets = memory[begin : begin + size]
    _fill(path, offset, octets)
    return octets


def read_chunks(path: Path, offset: int, size: int) -> Iterator[np.ndarray]:
    """Yields the same bytes in chunks, each of which overwrites the one before.

    Raises:
        CheckpointError: the file is shorter than that, or cannot be read.
    """
    _check_range(path, offset, size)
    memory = np.empty(min(size, _CHUNK), np.uint8)
    for begin in range(offset, offset + size, _CHUNK):
        octets = memory[: min(_CHUNK, offset + size - begin)]
        _fill(path, begin, octets)
        yield octets


def _check_range(path: Path, offset: int, size: int) -> None:
    length = file_size(path)
    if not 0 <= offset <= offset + size <= length:
        raise CheckpointError(
            f"{path} is truncated: bytes {offset} to {offset + size} are needed, it has {length}.\n"
            "It was probably not copied or downloaded completely: get it again."
        )


def file_size(path: Path) -> int:
    """Returns the size of a file in bytes.

    Raises:
        CheckpointError: it does not exist, or cannot be accessed.
    """
    try:
        return path.stat().st_size
    except OSError as error:
        raise CheckpointError(f"Cannot read {path}: {error.strerror}.") from None


def _fill(path: Path, offset: int, octets: np.ndarray) -> None:
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(offset)
            filled = 0
            while filled < len(octets):
                count = file.readinto(octets[filled:].data)
                if not count:
                    raise CheckpointError(f"{path} was truncated while it was read.")
                filled += count
    except OSError as error:
        raise CheckpointError(f"Cannot read {path}: {error.strerror}.") from None
