from __future__ import annotations

import pytest

from hornbook.files.protobuf import (
    fields,
    number_field,
    read_varint,
    signed,
    varint,
)


@pytest.mark.parametrize(
    ("value", "octets"),
    [(0, b"\0"), (1, b"\1"), (127, b"\x7f"), (150, b"\x96\x01"), (-1, b"\xff" * 9 + b"\1")],
)
def test_numbers_are_written_in_groups_of_seven_bits(value, octets):
    assert varint(value) == octets
    number, position = read_varint(b"x" + octets + b"x", 1)
    assert (signed(number), position) == (value, 1 + len(octets))


@pytest.mark.parametrize("octets", [b"", b"\x80", b"\xff" * 9 + b"\2", b"\x80" * 10 + b"\1"])
def test_truncated_or_too_long_numbers_are_refused(octets):
    with pytest.raises(ValueError, match="a number"):
        read_varint(octets, 0)


def test_fields_have_their_numbers():
    message = number_field(1, 150) + b"\x12\x02hi" + b"\x1d\1\0\0\0" + b"\x21" + bytes(7) + b"\1"
    assert list(fields(message)) == [(1, 150), (2, b"hi"), (3, 1), (4, 1 << 56)]


@pytest.mark.parametrize("message", [b"\x12\x05hi", b"\x1d\1\0", b"\x0b", b"\x08"])
def test_truncated_messages_and_unknown_field_types_are_refused(message):
    with pytest.raises(ValueError, match=r"truncated|unknown kind"):
        list(fields(message))
