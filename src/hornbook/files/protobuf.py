"""The wire format of protocol buffers, for TensorFlow's index files and SentencePiece.

A message is a sequence of fields, each a varint `number << 3 | kind` and a value.  Malformed
input raises `ValueError`, which the caller converts to a message with the file's name.

Reference: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Returns the number at `position`, which has at most 64 bits, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise ValueError("a number is truncated")
        octet = data[position]
        position += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            if value >= 1 << 64:
                break
            return value, position
    raise ValueError("a number has more than 64 bits")


def varint(value: int) -> bytes:
    """Encodes `value` in groups of seven bits, lowest first; negative ones as two's complement."""
    value &= (1 << 64) - 1
    octets = bytearray()
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


class Field(NamedTuple):
    """A field of a message, and its location: `message[start:end]`."""

    number: int
    value: int | bytes
    start: int
    end: int


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yields each field's number and value: an int for numbers, bytes for everything else."""
    return ((field.number, field.value) for field in fields_in_place(message))


def fields_in_place(message: bytes) -> Iterator[Field]:
    """Yields each field with its location, for editing a message without decoding all of it."""
    start = 0
    while start < len(message):
        key, position = read_varint(message, start)
        number, kind = key >> 3, key & 7
        value: int | bytes
        if kind == VARINT:
            value, position = read_varint(message, position)
        else:
            if kind == BYTES:
                size, position = read_varint(message, position)
            elif kind in (FIXED32, FIXED64):
                size = 4 if kind == FIXED32 else 8
            else:
                raise ValueError(f"field {number} is of the unknown kind {kind}")
            if size > len(message) - position:
                raise ValueError(f"field {number} is truncated")
            value = message[position : position + size]
            position += size
            if kind != BYTES:
                value = int.from_bytes(value, "little")
        yield Field(number, value, start, position)
        start = position


def signed(value: int) -> int:
    """Converts a varint to the signed 64-bit number that it represents."""
    return value - (1 << 64) if value >= 1 << 63 else value


def number_field(number: int, value: int) -> bytes:
    """Encodes a varint field; nothing for the default 0, as in protobuf version 3."""
    return varint(number << 3 | VARINT) + varint(value) if value else b""


def fixed32_field(number: int, value: int) -> bytes:
    """Encodes a field of four bytes."""
    return varint(number << 3 | FIXED32) + value.to_bytes(4, "little") if value else b""


def bytes_field(number: int, value: bytes) -> bytes:
    """Encodes a field with a message or a string."""
    return varint(number << 3 | BYTES) + varint(len(value)) + value
