"""The heaps of an HDF5 file, in which it keeps strings of any length.

HDF5 itself reads a damaged heap in an endless loop, so each is checked before.

Reference: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, section III.E
"""

from __future__ import annotations

from pathlib import Path

from hornbook.checkpoints.byte_range import file_size, read_range

_SIGNATURE = b"GCOL\x01\0\0\0"  # with the version
_HEADER = 16  # bytes of a heap, and of each object in it
_BLOCK = 4 * 1024 * 1024


def check_heaps(path: Path) -> None:
    """Makes sure that the objects of each heap fill it.

    Raises:
        ValueError: those of a heap do not.
    """
    size = file_size(path)
    for start in range(0, size, _BLOCK):
        block = read_range(path, start, min(_BLOCK + len(_SIGNATURE), size - start)).tobytes()
        position = block.find(_SIGNATURE)
        while position >= 0:
            _check_heap(path, start + position, size)
            position = block.find(_SIGNATURE, position + 1)


def _check_heap(path: Path, begin: int, size: int) -> None:
    length = size - begin
    if length >= _HEADER:
        header = read_range(path, begin, _HEADER).tobytes()
        length = int.from_bytes(header[8:], "little")
    if not _HEADER <= length <= size - begin:
        raise ValueError(f"a heap at {begin:,} would have {length:,} bytes")
    heap = read_range(path, begin, length).tobytes()
    position = _HEADER
    while position + _HEADER <= length:
        number = int.from_bytes(heap[position : position + 2], "little")
        octets = int.from_bytes(heap[position + 8 : position + _HEADER], "little")
        if number == 0:  # the rest is free
            if octets != length - position:
                raise ValueError(f"a heap at {begin:,} is damaged")
            return
        position += _HEADER + (octets + 7) // 8 * 8
    if position > length:
        raise ValueError(f"a heap at {begin:,} is damaged")
