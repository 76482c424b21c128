"""The messages in the index of a TensorFlow checkpoint: its header and one entry per tensor.

Reference: tensorflow/core/protobuf/tensor_bundle.proto, tensorflow/core/framework/types.proto,
tensor_shape.proto and tensor_slice.proto; tensorflow/core/lib/strings/ordered_code.cc.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hornbook.checkpoints.dtypes import numpy_dtype
from hornbook.files import protobuf

HEADER_KEY = b""
STRING = 7  # TensorFlow's number for tensors of strings
_MAXIMUM_RANK = 32
_MAXIMUM_SIZE = 1 << 60
_OUR_VERSION = 1
_NUMBER_OF_TYPE = {
    "float32": 1,
    "float64": 2,
    "int32": 3,
    "uint8": 4,
    "int16": 5,
    "int8": 6,
    "complex64": 8,
    "int64": 9,
    "bool": 10,
    "bfloat16": 14,
    "uint16": 17,
    "complex128": 18,
    "float16": 19,
    "uint32": 22,
    "uint64": 23,
}
_TYPE_OF_NUMBER = {number: name for name, number in _NUMBER_OF_TYPE.items()}


@dataclass(frozen=True, slots=True)
class Header:
    """The number of data files, and the byte order of their numbers."""

    num_shards: int = 1
    big_endian: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """Type, shape and location of a tensor.

    `slices` is not empty for a variable stored in parts: then each part has an entry of its own,
    and this one has no data.  A slice is a begin and a length per axis.
    """

    type_number: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    masked_crc: int
    slices: tuple[tuple[tuple[int, int], ...], ...] = ()


def dtype_of(type_number: int) -> np.dtype | None:
    """Returns the NumPy type for one of TensorFlow's; None if there is none (strings, handles)."""
    name = _TYPE_OF_NUMBER.get(type_number)
    return None if name is None else numpy_dtype(name)


def type_number_of(dtype: np.dtype) -> int:
    """Returns TensorFlow's number for a NumPy type.

    Raises:
        TypeError: TensorFlow has no such type.
    """
    try:
        return _NUMBER_OF_TYPE[dtype.name]
    except KeyError:
        known = ", ".join(sorted(_NUMBER_OF_TYPE))
        raise TypeError(f"a TensorFlow checkpoint cannot hold {dtype.name}, only {known}") from None


def decode_header(message: bytes) -> Header:
    """Reads a BundleHeaderProto.

    Raises:
        ValueError: it is damaged or of an unknown version.
    """
    num_shards, endianness = 0, 0
    for number, value in protobuf.fields(message):
        if number == 1:
            num_shards = _number(value)
        elif number == 2:
            endianness = _number(value)
        elif number == 3:
            version = dict(protobuf.fields(_bytes(value)))
            if _number(version.get(2, 0)) > _OUR_VERSION:
                raise ValueError("its format is newer than the supported one")
    if not 0 < num_shards <= 10_000:
        raise ValueError(f"it names {num_shards} data files")
    if endianness not in (0, 1):
        raise ValueError(f"the byte order {endianness} is unknown")
    return Header(num_shards, endianness == 1)


def encode_header(header: Header) -> bytes:
    """Writes a BundleHeaderProto."""
    version = protobuf.number_field(1, _OUR_VERSION)
    return (
        protobuf.number_field(1, header.num_shards)
        + protobuf.number_field(2, int(header.big_endian))
        + protobuf.bytes_field(3, version)
    )


def decode_entry(message: bytes) -> Entry:
    """Reads a BundleEntryProto.

    Raises:
        ValueError: it is damaged.
    """
    numbers = {1: 0, 3: 0, 4: 0, 5: 0, 6: 0}  # type, shard, offset, size, checksum
    shape: tuple[int, ...] = ()
    slices = []
    for number, value in protobuf.fields(message):
        if number == 2:
            shape = _decode_shape(_bytes(value))
        elif number == 7:
            slices.append(tuple(_decode_slice(_bytes(value))))
        elif number in numbers:
            numbers[number] = _number(value)
    if numbers[1] == 0:
        raise ValueError("a tensor has no type")
    if min(numbers.values()) < 0:
        raise ValueError("an offset or size is negative")
    return Entry(numbers[1], shape, numbers[3], numbers[4], numbers[5], numbers[6], tuple(slices))


def encode_entry(entry: Entry) -> bytes:
    """Writes a BundleEntryProto."""
    dimensions = [protobuf.bytes_field(2, protobuf.number_field(1, size)) for size in entry.shape]
    extents = [
        b"".join(protobuf.bytes_field(1, _encode_extent(*extent)) for extent in part)
        for part in entry.slices
    ]
    return (
        protobuf.number_field(1, entry.type_number)
        + protobuf.bytes_field(2, b"".join(dimensions))
        + protobuf.number_field(3, entry.shard)
        + protobuf.number_field(4, entry.offset)
        + protobuf.number_field(5, entry.size)
        + protobuf.fixed32_field(6, entry.masked_crc)
        + b"".join(protobuf.bytes_field(7, part) for part in extents)
    )


def slice_key(name: str, part: tuple[tuple[int, int], ...]) -> bytes:
    """Returns the key of one part of a variable; it starts with 0 and sorts before every name."""
    escaped = name.encode().replace(b"\xff", b"\xff\0").replace(b"\0", b"\0\xff")
    numbers = b"".join(_ordered(begin) + _ordered(length) for begin, length in part)
    rank = bytes([1, len(part)]) if part else b"\0"
    return b"\0" + escaped + b"\0\1" + rank + numbers


def _ordered(value: int) -> bytes:
    """Encodes a signed number as bytes of the same order; leading 1 bits count the bytes."""
    if value == -1:  # the length that means the whole axis
        return b"\x7f"
    count = value.bit_length() // 7 + 1
    marker = ((1 << count) - 1) << (7 * count)
    return (marker | value).to_bytes(count, "big")


def _decode_shape(message: bytes) -> tuple[int, ...]:
    shape = []
    for number, value in protobuf.fields(message):
        if number == 2:
            sizes = dict(protobuf.fields(_bytes(value)))
            shape.append(_number(sizes.get(1, 0)))
        elif number == 3 and value:
            raise ValueError("a tensor has an unknown number of axes")
    if len(shape) > _MAXIMUM_RANK:
        raise ValueError(f"a tensor has {len(shape)} axes; the limit is {_MAXIMUM_RANK}")
    if any(size < 0 for size in shape) or math.prod(max(s, 1) for s in shape) > _MAXIMUM_SIZE:
        raise ValueError(f"a tensor has the impossible shape {tuple(shape)}")
    return tuple(shape)


def _decode_slice(message: bytes) -> Iterator[tuple[int, int]]:
    for number, value in protobuf.fields(message):
        if number == 1:
            extent = dict(protobuf.fields(_bytes(value)))
            begin, length = _number(extent.get(1, 0)), _number(extent.get(2, -1))
            if begin < 0 or length < -1:
                raise ValueError(f"a part of a variable starts at {begin} and has length {length}")
            yield begin, length


def _encode_extent(begin: int, length: int) -> bytes:
    whole_axis = length == -1
    return protobuf.number_field(1, begin) + (
        b"" if whole_axis else protobuf.varint(2 << 3) + protobuf.varint(length)
    )


def _number(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise ValueError("it has bytes in place of a number")
    return protobuf.signed(value)


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("it has a number in place of bytes")
    return value
