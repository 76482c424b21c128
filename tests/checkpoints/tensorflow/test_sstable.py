from __future__ import annotations

import pytest

from hornbook.checkpoints.tensorflow import sstable
from hornbook.checkpoints.tensorflow.crc32c import crc32c, mask
from hornbook.checkpoints.tensorflow.sstable import read_table, write_table


def many_entries(count):
    return [(b"layer_%06d/kernel" % number, bytes([number % 251]) * 40) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 20_000])
def test_reading_returns_the_written_entries(count):
    entries = many_entries(count)
    assert list(read_table(write_table(entries))) == entries


def test_large_tables_have_several_blocks_and_share_prefixes():
    entries = many_entries(20_000)
    data = write_table(entries)
    footer = data[-sstable.FOOTER_SIZE :]
    _, position = sstable._handle(footer, 0)
    index, _ = sstable._handle(footer, position)
    budget = sstable._Budget(1 << 20)
    blocks = list(sstable._entries(sstable._block(data, *index, budget), budget))
    assert len(blocks) > 3
    assert len(data) < 0.9 * sum(len(key) + len(value) for key, value in entries)


def test_keys_out_of_order_are_refused():
    with pytest.raises(ValueError, match="does not come after"):
        write_table([(b"b", b""), (b"a", b"")])


def test_every_bit_of_a_table_counts():
    data = write_table(many_entries(5))
    for position in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(ValueError, match=r"."):
            list(read_table(bytes(damaged)))


def test_a_table_truncated_anywhere_is_refused():
    data = write_table(many_entries(5))
    for size in range(len(data)):
        with pytest.raises(ValueError, match=r"."):
            list(read_table(data[:size]))


def test_bytes_between_the_blocks_are_refused():
    data = write_table(many_entries(5))
    body, footer = data[: -sstable.FOOTER_SIZE], data[-sstable.FOOTER_SIZE :]
    with pytest.raises(ValueError, match="belong to no block"):
        list(read_table(body + b"x" + footer))


def with_checksums(blocks):
    """Returns a table of these data blocks with correct checksums."""
    file, index = bytearray(), []
    for number, block in enumerate(blocks):
        index.append((b"%06d" % number, sstable.varint(len(file)) + sstable.varint(len(block))))
        trailed = block + b"\0"
        file += trailed + mask(crc32c(trailed)).to_bytes(4, "little")
    footer = sstable._append_block(file, []) + sstable._append_block(file, index)
    return bytes(file) + footer.ljust(40, b"\0") + sstable.MAGIC


RESTARTS = bytes(4) + (1).to_bytes(4, "little")


def test_keys_that_grow_far_beyond_the_file_are_refused():
    # every entry shares 4,000 bytes with the one before it and adds one
    first = b"\x00" + sstable.varint(4000) + b"\x00" + b"k" * 4000
    more = b"".join(sstable.varint(4000) + b"\x01\x00" + bytes([n]) for n in range(1, 255))
    with pytest.raises(ValueError, match="far more memory than its size"):
        list(read_table(with_checksums([first + more + RESTARTS])))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (b"\x01\x01\x00a" + RESTARTS, "does not fit its block"),
        (b"\x00\x09\x00a" + RESTARTS, "does not fit its block"),
        (b"\x00\xff\xff\x03\x00" + bytes(65535) + RESTARTS, "the limit is 4096"),
        (b"\x00\x01\x00b\x00\x01\x00a" + RESTARTS, "not in order"),
        (b"\x00\x01\x00", "too short"),
        (b"\x09\x00\x00\x00", "too short for its restart points"),
    ],
)
def test_blocks_with_correct_checksums_and_invalid_contents_are_refused(block, message):
    with pytest.raises(ValueError, match=message):
        list(read_table(with_checksums([block])))
