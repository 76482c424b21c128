"""CRC-32C, the checksum of TensorFlow's files, at gigabytes per second.

The package google-crc32c computes it if it is installed; this is how NumPy does it.
The checksum of a message is the message, read as a polynomial over GF(2), modulo
`P = 0x11EDC6F41` (bits reflected).  Read the message as 64-bit words and let `y` stand for a
shift by one word.  `P` divides the sparse polynomial

    y^6777 + y^484 + y^100 + 1                                  (y = x^64)

so a word may be erased if it is added (XOR) to the words 6293, 6677 and 6777 positions after it:
the remainder stays the same.  Three vector XORs erase 6293 words at a time, until 6777 are left.
Those are halved repeatedly: the first half, multiplied by its distance modulo P with tables, is
added to the second.

References: RFC 3720 appendix B.4 (the checksum and its test values); Kadatch and Jenkins,
"Everything we know about CRC but afraid to forget" (multiplication with tables).
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
_BATCH = _STEPS[0]  # words that can be erased at once, because they do not change each other
_BATCHES = 8  # erased per refill of the buffer, so that it fits the CPU cache
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
            warnings.simplefilter("ignore")  # it warns that it is slow without its C library
            package = importlib.import_module("google_crc32c")
    except ImportError:
        return None
    return package.extend if package.implementation == "c" else None


def _in_numpy(octets: np.ndarray, previous: int) -> int:
    if len(octets) < 256:
        return _byte_by_byte(octets, previous)
    words = (len(octets) + 7) // 8
    padding = 8 * words - len(octets)  # leading zeros change nothing while the register is zero
    if words <= _SPAN:
        rest = np.zeros(8 * words, np.uint8)
        rest[padding:] = octets
        _start(rest, padding, previous)
        return _by_halves(rest) ^ 0xFFFFFFFF
    return _by_halves(_erase(octets, words, padding, previous)) ^ 0xFFFFFFFF


def mask(crc: int) -> int:
    """Returns `crc` as TensorFlow stores it: masked, as CRCs of data with CRCs in it are weak."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def _start(octets: np.ndarray, position: int, previous: int) -> None:
    """Applies the register's initial value, which only affects the first four bytes."""
    first = np.frombuffer((previous ^ 0xFFFFFFFF).to_bytes(4, "little"), np.uint8)
    octets[position : position + 4] ^= first


def _erase(octets: np.ndarray, words: int, padding: int, previous: int) -> np.ndarray:
    """Adds all words but the last `_SPAN` to later ones; returns the latter as bytes."""
    buffer = np.zeros(_SPAN + _BATCH * _BATCHES, np.uint64)
    as_bytes = buffer.view(np.uint8)
    # the first refill is the partial one
    filled = (words - _SPAN) % (_BATCH * _BATCHES)
    position = 8 * (_SPAN + filled) - padding
    as_bytes[padding : padding + position] = octets[:position]
    _start(as_bytes, padding, previous)
    while True:
        for begin in range(0, filled, _BATCH):
            end = min(begin + _BATCH, filled)
            words_to_erase = buffer[begin:end]
            for step in _STEPS:
                later = buffer[begin + step : end + step]
                np.bitwise_xor(later, words_to_erase, out=later)
        buffer[:_SPAN] = buffer[filled : filled + _SPAN].copy()
        if position == len(octets):
            return as_bytes[: 8 * _SPAN]
        filled = _BATCH * _BATCHES
        as_bytes[8 * _SPAN :] = octets[position : position + 8 * filled]
        position += 8 * filled


def _by_halves(octets: np.ndarray) -> int:
    """Returns the register after `octets` (a multiple of 4 bytes), starting from zero."""
    words = octets.view("<u4")
    size = 1 << (len(words) - 1).bit_length()
    values = np.zeros(size, "<u4")
    values[size - len(words) :] = words
    while size > 1:
        size //= 2
        first, values = values[:size].view(np.uint8).reshape(size, 4), values[size:]
        for place, table in enumerate(_multiplication(size.bit_length() - 1)):
            values ^= table[first[:, place]]
    # four zero bytes shift the remaining word through the register
    return _byte_by_byte(np.zeros(4, np.uint8), int(values[0]) ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


@functools.cache
def _multiplication(power: int) -> np.ndarray:
    """Returns tables of products with `x^(32 * 2^power)`: `(4, 256)`, one per byte of a word."""
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
        for bit in range(8):  # entries with this bit: those without it, plus the bit's column
            lower = tables[place, : 1 << bit]
            tables[place, 1 << bit : 2 << bit] = lower ^ columns[8 * place + bit]
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
