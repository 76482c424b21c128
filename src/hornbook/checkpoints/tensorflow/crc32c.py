"""CRC-32C, the checksum of TensorFlow's files, at gigabytes a second.

The package google-crc32c computes it where it is installed; this is how NumPy does it.
The checksum of a message is the message, read as a polynomial over GF(2), modulo
`P = 0x11EDC6F41` (bits reflected).  Read the message as 64-bit words and let `y` stand for a
shift by one word.  `P` divides the sparse polynomial

    y^6777 + y^484 + y^100 + 1                                  (y = x^64)

so a word may be erased when it is added (XOR) to the words 6293, 6677 and 6777 places
after it: the remainder stays the same.  6293 words are erased by three vector XORs, until
6777 are left.  Those are halved again and again: the first half, multiplied by its distance
modulo P through tables, is added to the second.

References: RFC 3720 appendix B.4 (the checksum and its test values); Kadatch and Jenkins,
"Everything we know about CRC but afraid to forget" (multiplying through tables).
"""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

_POLYNOMIAL = 0x82F63B78  # reflected: the lowest bit is the highest power
_SPAN = 6777  # words; the exponents of the sparse multiple of P above
_STEPS = (6777 - 484, 6777 - 100, 6777)
_BATCH = _STEPS[0]  # words that can be erased at once: no later one is touched before its turn
_BATCHES = 8  # erased per filling of the buffer, which then is still small enough for the cache
_MASK_DELTA = 0xA282EAD8


def crc32c(data: Any, previous: int = 0) -> int:
    """Returns the CRC-32C of `data`, or of the bytes before it and `data`.

    Args:
        data: bytes, or anything with a contiguous buffer, such as an array.
        previous: The checksum of the bytes that come before `data`.
    """
    octets = np.frombuffer(data, np.uint8)
    compiled = _compiled()
    return _in_numpy(octets, previous) if compiled is None else int(compiled(previous, octets))


@functools.cache
def _compiled() -> Callable[[int, np.ndarray], int] | None:
    """`google_crc32c.extend`, if the package is installed with its C library."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # without its C library, it says that it is slow
            package = importlib.import_module("google_crc32c")
    except ImportError:
        return None
    return package.extend if package.implementation == "c" else None


def _in_numpy(octets: np.ndarray, previous: int) -> int:
    if len(octets) < 256:
        return _byte_by_byte(octets, previous)
    words = (len(octets) + 7) // 8
    padding = 8 * words - len(octets)  # zeros in front change nothing when the register is zero
    if words <= _SPAN:
        rest = np.zeros(8 * words, np.uint8)
        rest[padding:] = octets
        _start(rest, padding, previous)
        return _by_halves(rest) ^ 0xFFFFFFFF
    return _by_halves(_erase(octets, words, padding, previous)) ^ 0xFFFFFFFF


def mask(crc: int) -> int:
    """`crc` as TensorFlow stores it: rotated and shifted, lest it be summed as data."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def _start(octets: np.ndarray, position: int, previous: int) -> None:
    """Puts the register's first value into the first four bytes, where it has its effect."""
    first = np.frombuffer((previous ^ 0xFFFFFFFF).to_bytes(4, "little"), np.uint8)
    octets[position : position + 4] ^= first


def _erase(octets: np.ndarray, words: int, padding: int, previous: int) -> np.ndarray:
    """The last `_SPAN` words, after all before them were added to later ones; as bytes."""
    buffer = np.zeros(_SPAN + _BATCH * _BATCHES, np.uint64)
    as_bytes = buffer.view(np.uint8)
    # The first filling takes the words that do not make a full one.
    filled = (words - _SPAN) % (_BATCH * _BATCHES)
    position = 8 * (_SPAN + filled) - padding
    as_bytes[padding : padding + position] = octets[:position]
    _start(as_bytes, padding, previous)
    while True:
        for begin in range(0, filled, _BATCH):
            end = min(begin + _BATCH, filled)
            erased = buffer[begin:end]
            for step in _STEPS:
                later = buffer[begin + step : end + step]
                np.bitwise_xor(later, erased, out=later)
        buffer[:_SPAN] = buffer[filled : filled + _SPAN].copy()
        if position == len(octets):
            return as_bytes[: 8 * _SPAN]
        filled = _BATCH * _BATCHES
        as_bytes[8 * _SPAN :] = octets[position : position + 8 * filled]
        position += 8 * filled


def _by_halves(octets: np.ndarray) -> int:
    """The register after all of `octets` (a multiple of 4), from zero."""
    words = octets.view("<u4")
    size = 1 << (len(words) - 1).bit_length()
    values = np.zeros(size, "<u4")
    values[size - len(words) :] = words
    while size > 1:
        size //= 2
        first, values = values[:size].view(np.uint8).reshape(size, 4), values[size:]
        for place, table in enumerate(_multiplication(size.bit_length() - 1)):
            values ^= table[first[:, place]]
    # What is left stands in front of the register: four more zero bytes push it through.
    return _byte_by_byte(np.zeros(4, np.uint8), int(values[0]) ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


@functools.cache
def _multiplication(power: int) -> np.ndarray:
    """Tables for the product with `x^(32 * 2^power)`: `(4, 256)`, one for each byte of a word."""
    if power == 0:
        values = [
            _byte_by_byte(np.zeros(4, np.uint8), (1 << bit) ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
            for bit in range(32)
        ]
        columns = np.array(values, np.uint32)
    else:
        half = _multiplication(power - 1)
        columns = np.uint32(1) << np.arange(32, dtype=np.uint32)
        for _ in range(2):
            columns = (
                half[0][columns & 255]
                ^ half[1][columns >> 8 & 255]
                ^ half[2][columns >> 16 & 255]
                ^ half[3][columns >> 24]
            )
    tables = np.zeros((4, 256), np.uint32)
    for place in range(4):
        for bit in range(8):  # an index with this bit set: the one without it, plus its column
            known = tables[place, : 1 << bit]
            tables[place, 1 << bit : 2 << bit] = known ^ columns[8 * place + bit]
    return tables


def _byte_by_byte(octets: np.ndarray, previous: int) -> int:
    register = previous ^ 0xFFFFFFFF
    table = _byte_table()
    for octet in octets.tolist():
        register = (register >> 8) ^ table[(register ^ octet) & 255]
    return register ^ 0xFFFFFFFF


@functools.cache
def _byte_table() -> list[int]:
    table = []
    for octet in range(256):
        register = octet
        for _ in range(8):
            register = (register >> 1) ^ (_POLYNOMIAL if register & 1 else 0)
        table.append(register)
    return table
