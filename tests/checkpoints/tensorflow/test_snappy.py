from __future__ import annotations

import numpy as np
import pytest

from hornbook.checkpoints.tensorflow.snappy import decompress

LIMIT = 1 << 20


def samples():
    random = np.random.default_rng(0)
    yield b""
    yield b"a"
    yield b"abc" * 1000
    yield b"a" * 70_000
    yield random.integers(0, 256, 5000, dtype=np.uint8).tobytes()
    yield random.integers(0, 3, 100_000, dtype=np.uint8).tobytes()
    words = [b"bert/encoder/layer_%d/attention/self/query/kernel" % (i % 12) for i in range(3000)]
    yield b"\n".join(words)


def test_output_of_the_reference_is_decompressed():
    pyarrow = pytest.importorskip("pyarrow")
    codec = pyarrow.Codec("snappy")
    for data in samples():
        assert decompress(codec.compress(data).to_pybytes(), LIMIT) == data


def test_every_kind_of_element_is_decompressed():
    # literal "abcd"; copy of 4 from 4 back; copy of 3 from 2 back with two bytes for the
    # distance; copy of 2 from 1 back with four, which overlaps its own output
    data = b"\x0d\x0cabcd\x01\x04\x0a\x02\x00\x07\x01\x00\x00\x00"
    assert decompress(data, LIMIT) == b"abcdabcdcdcc" + b"c"


def test_a_bomb_is_refused_before_it_grows():
    with pytest.raises(ValueError, match="larger than the limit"):
        decompress(b"\xff\xff\xff\xff\x0f" + b"\x00a" + b"\xfe\x01\x00" * 100, LIMIT)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x04\x0cabc", "truncated"),
        (b"\x04\x01\x04", "before its start"),
        (b"\x08\x00a\x01\x00", "before its start"),
        (b"\x02\x0cabcd", "longer than its declared size"),
        (b"\x09\x0cabcd", "shorter than its declared size"),
        (b"\x04\x02\x01", "truncated"),
    ],
)
def test_damaged_blocks_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        decompress(data, LIMIT)
