"""Our messages, compared with TensorFlow's own protocol buffers."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.checkpoints.tensorflow import bundle_messages
from hornbook.checkpoints.tensorflow.bundle_messages import (
    Entry,
    Header,
    decode_entry,
    decode_header,
    dtype_of,
    encode_entry,
    encode_header,
    type_number_of,
)

PART = ((0, -1), (3, 2))
ENTRIES = [
    Entry(1, (), 0, 0, 4, 0),
    Entry(9, (2, 0, 300), 3, 1 << 40, 0, 0xFFFFFFFF),
    Entry(14, (7, 9), 0, 0, 0, 0, (PART, ((0, -1), (0, 3)), ((1, 0), (200, 4)))),
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_is_tensorflows_byte_for_byte(tensorflow, entry):
    from tensorflow.core.protobuf import tensor_bundle_pb2

    proto = tensor_bundle_pb2.BundleEntryProto(
        dtype=entry.type_number,
        shard_id=entry.shard,
        offset=entry.offset,
        size=entry.size,
        crc32c=entry.masked_crc,
    )
    proto.shape.SetInParent()
    for size in entry.shape:
        proto.shape.dim.add(size=size)
    for part in entry.slices:
        message = proto.slices.add()
        for begin, length in part:
            extent = message.extent.add(start=begin)
            if length >= 0:
                extent.length = length
    assert encode_entry(entry) == proto.SerializeToString(deterministic=True)
    assert decode_entry(proto.SerializeToString()) == entry


def test_the_header_is_tensorflows(tensorflow):
    from tensorflow.core.protobuf import tensor_bundle_pb2

    proto = tensor_bundle_pb2.BundleHeaderProto(num_shards=3, endianness=1)
    proto.version.producer = 1
    assert encode_header(Header(3, True)) == proto.SerializeToString(deterministic=True)
    assert decode_header(proto.SerializeToString()) == Header(3, True)


def test_type_numbers_are_tensorflows(tensorflow):
    for name, number in bundle_messages._NUMBER_OF_TYPE.items():
        assert tensorflow.dtypes.as_dtype(number).name == name
        assert dtype_of(number) == tensorflow.dtypes.as_dtype(number).as_numpy_dtype
        assert type_number_of(dtype_of(number)) == number
    assert tensorflow.string.as_datatype_enum == bundle_messages.STRING
    assert dtype_of(bundle_messages.STRING) is None


def test_other_types_are_refused_with_a_list_of_the_supported_ones():
    with pytest.raises(TypeError, match=r"cannot hold datetime64.*float32"):
        type_number_of(np.dtype("datetime64[s]"))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "no type"),
        (b"\x08\x01\x20" + b"\xff" * 9 + b"\x01", "negative"),
        (b"\x08\x01\x12\x02\x18\x01", "unknown number of axes"),
        (b"\x08\x01\x12\x0d\x12\x0b\x08" + b"\xff" * 9 + b"\x01", "impossible shape"),
        (b"\x08\x01\x12" + bytes([33 * 2]) + b"\x12\x00" * 33, "33 axes"),
        (b"\x0a\x01x", "bytes in place of a number"),
        (b"\x08\x01\x10\x01", "number in place of bytes"),
        (b"\x08\x01\x3a\x0d\x0a\x0b\x08" + b"\xff" * 9 + b"\x01", "a part of a variable"),
    ],
)
def test_impossible_entries_are_refused(message, reason):
    with pytest.raises(ValueError, match=reason):
        decode_entry(message)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "0 data files"),
        (b"\x08\xff\xff\xff\x07", "data files"),
        (b"\x08\x01\x10\x02", "byte order"),
        (b"\x08\x01\x1a\x02\x10\x09", "newer than the supported"),
    ],
)
def test_impossible_headers_are_refused(message, reason):
    with pytest.raises(ValueError, match=reason):
        decode_header(message)


def test_keys_of_parts_sort_like_their_numbers():
    values = [-1, 0, 1, 63, 64, 8191, 8192, 1 << 20, 1 << 34, 1 << 55, 1 << 62, (1 << 63) - 1]
    encoded = [bundle_messages._ordered(value) for value in values]
    assert encoded == sorted(encoded)
    assert [len(octets) for octets in encoded[:7]] == [1, 1, 1, 1, 2, 2, 3]
