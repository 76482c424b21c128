"""CRC-32C, compared with its definition: the remainder of a polynomial division over GF(2)."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.checkpoints.tensorflow import crc32c as module
from hornbook.checkpoints.tensorflow.crc32c import crc32c, mask

POLYNOMIAL = 0x11EDC6F41


@pytest.fixture(autouse=True, params=["numpy", "google_crc32c"])
def implementation(request, monkeypatch):
    """Runs every test with both; the package is optional."""
    compiled = None
    if request.param != "numpy":
        package = pytest.importorskip(request.param, reason="needs google-crc32c")
        if package.implementation != "c":
            pytest.skip("needs google-crc32c with its C library")
        module._compiled.cache_clear()
        compiled = module._compiled()
        assert compiled is package.extend
    monkeypatch.setattr(module, "_compiled", lambda: compiled)
    return request.param


def remainder(value: int) -> int:
    """Returns `value` modulo the polynomial, bit by bit."""
    while value.bit_length() > 32:
        value ^= POLYNOMIAL << (value.bit_length() - 33)
    return value


def by_definition(data: bytes) -> int:
    """Returns the checksum as RFC 3720 describes it, with integers as polynomials."""
    reflected = int("".join(f"{octet:08b}"[::-1] for octet in data) or "0", 2)
    start = 0xFFFFFFFF << (8 * len(data))
    result = remainder((reflected << 32) ^ start) ^ 0xFFFFFFFF
    return int(f"{result:032b}"[::-1], 2)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_checksums_equal_the_published_ones(data, expected):
    assert crc32c(data) == expected
    assert by_definition(data) == expected


@pytest.mark.parametrize("size", [1, 3, 4, 7, 8, 255, 256, 257, 263, 264, 1000, 4097])
def test_short_messages_agree_with_the_definition(size):
    data = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8).tobytes()
    assert crc32c(data) == by_definition(data)


SPAN, FILLING = 8 * module._SPAN, 8 * module._BATCH * module._BATCHES


@pytest.mark.parametrize(
    "size",
    [SPAN - 1, SPAN, SPAN + 1, SPAN + 8, SPAN + FILLING - 3, SPAN + FILLING, SPAN + FILLING + 9],
)
def test_long_messages_agree_with_the_byte_by_byte_algorithm(size):
    data = np.random.default_rng(size).integers(0, 256, size + 1, dtype=np.uint8)[1:]
    assert crc32c(data) == module._byte_by_byte(data, 0)


def test_checksums_of_parts_can_be_chained():
    data = np.random.default_rng(0).integers(0, 256, 700_000, dtype=np.uint8)
    for cut in (0, 1, 5, 300, 54_217, 300_001, 699_999):
        assert crc32c(data[cut:], crc32c(data[:cut])) == crc32c(data)


def test_the_sparse_polynomial_is_a_multiple_of_the_crc_polynomial():
    powers = [64 * (module._SPAN - step) for step in module._STEPS] + [64 * module._SPAN]
    assert remainder(sum(1 << power for power in powers)) == 0


def test_the_mask_is_tensorflows():
    assert mask(0) == 0xA282EAD8
    assert mask(crc32c(b"foo")) != crc32c(b"foo")
    crc = crc32c(b"foo")
    rotated = (mask(crc) - 0xA282EAD8) & 0xFFFFFFFF
    assert ((rotated >> 17) | (rotated << 15)) & 0xFFFFFFFF == crc
