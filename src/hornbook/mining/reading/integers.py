"""Parses files of integers with NumPy: from bytes to numbers without Python objects."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hornbook.mining.baskets import Baskets, encode_integers, without_repeats
from hornbook.mining.reading.basket_layout import Layout

_BYTES = 1 << 17  # processed at a time, so that everything computed from them fits into the cache


def parse_integers(raw: bytes, layout: Layout | None = None) -> Baskets | None:
    """Returns baskets from lines of integers; None if there is anything else in them.

    Also None for a number with a leading zero or too many digits for an integer, which is a name,
    and for a first number to be left out that is not what the layout says.
    """
    parts = []
    for part in _whole_lines(raw):
        parsed = _parse(part)
        if parsed is None:
            return None
        parts.append(parsed)
    numbers, lengths = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    if not len(numbers):
        return None
    if layout is not None and layout.first_field != "item":
        starts = np.cumsum(lengths) - lengths
        is_count = layout.first_field == "count" and not layout.is_sure
        if is_count and not np.array_equal(numbers[starts], lengths - 1):
            return None
        numbers, lengths = np.delete(numbers, starts), lengths - 1
    codes, labels = encode_integers(numbers)
    before = len(codes)
    codes, lengths = without_repeats(codes, lengths)
    notes = []
    if len(codes) < before:
        notes.append(f"{before - len(codes):,} repetitions of an item in its basket dropped.")
    return Baskets(codes, lengths, labels, None, notes)


def _whole_lines(raw: bytes) -> Iterator[np.ndarray]:
    """Yields the bytes in parts that end at line ends."""
    data = np.frombuffer(raw, np.uint8)
    start = 0
    while start < len(raw):
        end = raw.rfind(b"\n", start, start + _BYTES) + 1
        end = end or raw.find(b"\n", start) + 1 or len(raw)
        yield data[start:end]
        start = end


def _parse(data: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns the numbers of some lines, and how many each line has that has any."""
    values = data - np.uint8(ord("0"))  # below "0" wraps around to above 9
    digit = np.zeros(len(data) + 2, bool)
    np.less_equal(values, 9, out=digit[1:-1])
    is_break = data == ord("\n")
    is_allowed = digit[1:-1] | is_break
    for sign in b" \t\r":
        is_allowed |= data == sign
    if not is_allowed.all() or _has_lone_returns(data):
        return None
    edges = np.flatnonzero(digit[1:] != digit[:-1])
    starts, ends = edges[::2], edges[1::2]
    sizes = ends - starts
    longest = int(sizes.max(initial=0))
    if longest > 18 or ((values.take(starts) == 0) & (sizes > 1)).any():
        return None
    numbers = values.take(ends - 1).astype(np.int64)
    for place in range(1, longest):
        has = np.flatnonzero(sizes > place)
        numbers[has] += values.take(ends.take(has) - 1 - place) * np.int64(10**place)
    before = np.searchsorted(starts, np.flatnonzero(is_break))
    lengths = np.diff(before, prepend=0, append=len(starts))
    return numbers, lengths[lengths > 0]  # blank lines are not baskets


def _has_lone_returns(data: np.ndarray) -> bool:
    """Whether a line ends with only a carriage return, as on old Macs."""
    places = np.flatnonzero(data == ord("\r"))
    if not len(places):
        return False
    following = data.take(np.minimum(places + 1, len(data) - 1))
    return bool((following[places + 1 < len(data)] != ord("\n")).any())
