"""Sorted string tables: LevelDB's file format, which TensorFlow uses for its index files.

A table is a sequence of blocks, each followed by a byte for its compression and a checksum:
data blocks with keys and values, a metadata block (empty here), and an index block with the
location of each data block.  The last 48 bytes locate the latter two.

A key is stored as the length of the prefix that it shares with the key before it, and the rest.

Reference: https://github.com/google/leveldb/blob/main/doc/table_format.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hornbook.checkpoints.tensorflow.crc32c import crc32c, mask
from hornbook.checkpoints.tensorflow.snappy import decompress
from hornbook.files.protobuf import read_varint, varint

MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
FOOTER_SIZE = 48
_TRAILER_SIZE = 5  # compression, checksum
_PLAIN, _SNAPPY = 0, 1
_RESTART_INTERVAL = 16  # every 16th key is stored whole
_BLOCK_SIZE = 256 * 1024  # TensorFlow's
_MAXIMUM_KEY = 4096  # bytes
_MAXIMUM_GROWTH = 16  # of keys or decompressed blocks, relative to the file


def read_table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields each key and value, in order.

    Raises:
        ValueError: the table is damaged.  Every byte is covered by a checksum or checked itself.
    """
    if len(data) < FOOTER_SIZE or data[-8:] != MAGIC:
        raise ValueError("it does not end like an index file: it is truncated or another file")
    footer = data[-FOOTER_SIZE:-8]
    metadata, position = _handle(footer, 0)
    index, _ = _handle(footer, position)
    # no checksum covers the footer, so its encoding must be the canonical one
    if footer != _footer(*metadata, *index):
        raise ValueError("its last 48 bytes are damaged")
    budget = _Budget(_MAXIMUM_GROWTH * len(data) + 65536)
    end = 0
    last_key = None
    for _, handle in _entries(_block(data, *index, budget), budget):
        offset, size = _whole_handle(handle)
        if offset != end:
            raise ValueError(f"the block at byte {offset} should start at byte {end}")
        end = offset + size + _TRAILER_SIZE
        for key, value in _entries(_block(data, offset, size, budget), budget):
            if last_key is not None and key <= last_key:
                raise ValueError("its keys are not in order")
            last_key = key
            yield key, value
    for _ in _entries(_block(data, *metadata, budget), budget):
        pass  # its contents are not needed, but it must not be damaged
    for offset, size in sorted([metadata, index]):
        if offset != end:
            raise ValueError(f"the block at byte {offset} should start at byte {end}")
        end = offset + size + _TRAILER_SIZE
    if end != len(data) - FOOTER_SIZE:
        raise ValueError("it has bytes that belong to no block")


def _footer(*numbers: int) -> bytes:
    return b"".join(map(varint, numbers)).ljust(FOOTER_SIZE - len(MAGIC), b"\0")


class _Budget:
    """The memory that may still be allocated, so that a small file cannot demand a lot."""

    def __init__(self, size: int):
        self.left = size

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise ValueError("it would need far more memory than its size")


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    offset, position = read_varint(data, position)
    size, position = read_varint(data, position)
    return (offset, size), position


def _whole_handle(data: bytes) -> tuple[int, int]:
    handle, position = _handle(data, 0)
    if position != len(data):
        raise ValueError("the location of a block is damaged")
    return handle


def _block(data: bytes, offset: int, size: int, budget: _Budget) -> bytes:
    """Returns the verified, decompressed contents of a block."""
    end = offset + size + _TRAILER_SIZE
    if end > len(data) - FOOTER_SIZE:
        raise ValueError(f"the block at byte {offset} exceeds the file, which is truncated")
    stored = int.from_bytes(data[end - 4 : end], "little")
    if mask(crc32c(data[offset : end - 4])) != stored:
        raise ValueError(f"the checksum of the block at byte {offset} is wrong")
    contents, compression = data[offset : offset + size], data[offset + size]
    if compression == _SNAPPY:
        contents = decompress(contents, budget.left)
        budget.spend(len(contents))
    elif compression != _PLAIN:
        raise ValueError(f"the block at byte {offset} has the unknown compression {compression}")
    return contents


def _entries(block: bytes, budget: _Budget) -> Iterator[tuple[bytes, bytes]]:
    if len(block) < 4:
        raise ValueError("a block is too short")
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts  # restart points serve binary search, not needed here
    if end < 0:
        raise ValueError("a block is too short for its restart points")
    position = 0
    key = b""
    while position < end:
        shared, position = read_varint(block, position)
        rest, position = read_varint(block, position)
        size, position = read_varint(block, position)
        if shared > len(key) or rest + size > end - position:
            raise ValueError("an entry does not fit its block")
        if shared + rest > _MAXIMUM_KEY:
            raise ValueError(f"a key has {shared + rest} bytes; the limit is {_MAXIMUM_KEY}")
        budget.spend(shared + rest)
        key = key[:shared] + block[position : position + rest]
        position += rest
        yield key, block[position : position + size]
        position += size


def write_table(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Returns an uncompressed table of `entries`, whose keys must be distinct and sorted."""
    file = bytearray()
    index: list[tuple[bytes, bytes]] = []
    pending: list[tuple[bytes, bytes]] = []
    pending_size = 0

    def flush() -> None:
        nonlocal pending, pending_size
        # any key from this block's last up to the next block's first would do
        index.append((pending[-1][0], _append_block(file, pending)))
        pending, pending_size = [], 0

    previous = None
    for key, value in entries:
        if previous is not None and key <= previous:
            raise ValueError(f"{key!r} does not come after {previous!r}")
        previous = key
        pending.append((key, value))
        pending_size += len(key) + len(value)
        if pending_size >= _BLOCK_SIZE:
            flush()
    if pending:
        flush()
    metadata = _append_block(file, [])
    handles = metadata + _append_block(file, index)
    return bytes(file) + handles.ljust(FOOTER_SIZE - len(MAGIC), b"\0") + MAGIC


def _append_block(file: bytearray, entries: list[tuple[bytes, bytes]]) -> bytes:
    """Appends a block and returns its handle: offset and size."""
    block = bytearray()
    restarts = []
    previous = b""
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % _RESTART_INTERVAL == 0:
            restarts.append(len(block))
        else:
            maximum = min(len(key), len(previous))
            while shared < maximum and key[shared] == previous[shared]:
                shared += 1
        block += varint(shared) + varint(len(key) - shared) + varint(len(value))
        block += key[shared:] + value
        previous = key
    for restart in restarts or [0]:
        block += restart.to_bytes(4, "little")
    block += len(restarts or [0]).to_bytes(4, "little")
    handle = varint(len(file)) + varint(len(block))
    block.append(_PLAIN)
    file += block + mask(crc32c(block)).to_bytes(4, "little")
    return handle
