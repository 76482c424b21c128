"""Snappy decompression, for TensorFlow's index files.

Reference: https://github.com/google/snappy/blob/main/format_description.txt
"""

from __future__ import annotations

from hornbook.files.protobuf import read_varint


def decompress(data: bytes, limit: int) -> bytes:
    """Decompresses a block.

    Args:
        data: One compressed block.
        limit: Maximum size of the result, in bytes.

    Raises:
        ValueError: the block is damaged, or is larger than `limit` when decompressed.
    """
    size, position = read_varint(data, 0)
    if size > limit:
        raise ValueError(f"a compressed block of {size} bytes is larger than the limit of {limit}")
    result = bytearray()
    while position < len(data):
        tag = data[position]
        position += 1
        if tag & 3 == 0:  # a literal: its length is in the tag, or in the 1 to 4 bytes after it
            length = tag >> 2
            if length >= 60:
                extra = length - 59
                length = int.from_bytes(_take(data, position, extra), "little")
                position += extra
            length += 1
            result += _take(data, position, length)
            position += length
        else:  # a copy of earlier output: its length, and its distance from the end
            extra = (0, 1, 2, 4)[tag & 3]
            distance = int.from_bytes(_take(data, position, extra), "little")
            position += extra
            if tag & 3 == 1:
                length = (tag >> 2 & 7) + 4
                distance |= tag >> 5 << 8
            else:
                length = (tag >> 2) + 1
            if not 0 < distance <= len(result):
                raise ValueError("a compressed block refers to bytes before its start")
            begin = len(result) - distance
            repeated = bytes(result[begin : begin + length])
            # a copy may overlap its own output, which it then repeats
            result += (repeated * (length // len(repeated) + 1))[:length]
        if len(result) > size:
            raise ValueError("a compressed block is longer than its declared size")
    if len(result) != size:
        raise ValueError("a compressed block is shorter than its declared size")
    return bytes(result)


def _take(data: bytes, position: int, size: int) -> bytes:
    if size > len(data) - position:
        raise ValueError("a compressed block is truncated")
    return data[position : position + size]
