from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from hornbook.checkpoints.byte_range import read_chunks, read_range
from hornbook.errors import CheckpointError


@pytest.fixture
def path(tmp_path):
    """Returns the path of a file of 9,000,001 bytes that count up."""
    np.arange(9_000_001, dtype="int64").astype("uint8").tofile(tmp_path / "x")
    return tmp_path / "x"


@pytest.mark.parametrize(("offset", "size"), [(0, 0), (0, 5), (7, 9_000_000 - 7), (9_000_001, 0)])
def test_exactly_the_requested_bytes_are_read(path, offset, size):
    expected = np.fromfile(path, np.uint8)[offset : offset + size]
    octets = read_range(path, offset, size)
    np.testing.assert_array_equal(octets, expected)
    assert octets.ctypes.data % 64 == 0 or not size
    chunks = [chunk.copy() for chunk in read_chunks(path, offset, size)]
    np.testing.assert_array_equal(np.concatenate([*chunks, np.empty(0, np.uint8)]), expected)


@pytest.mark.parametrize(
    ("offset", "size"), [(0, 9_000_002), (9_000_001, 1), (-1, 2), (0, 1 << 60)]
)
def test_ranges_beyond_the_file_are_refused_before_memory_is_allocated(path, offset, size):
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="is truncated"):
        read_range(path, offset, size)
    with pytest.raises(CheckpointError, match="is truncated"):
        list(read_chunks(path, offset, size))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"Cannot read .*nothing: No such file"):
        read_range(tmp_path / "nothing", 0, 1)
    with pytest.raises(CheckpointError, match=r"Cannot read .*: Is a directory"):
        read_range(tmp_path, 0, 1)
