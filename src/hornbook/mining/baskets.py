"""Baskets in columns: item codes one basket after the other, and the names of the items."""

from __future__ import annotations

import difflib
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np

from hornbook.errors import DataError, did_you_mean


@dataclass
class Baskets:
    """Baskets of items.

    Attributes:
        codes: `(entries,)` integers: the items of the first basket, of the second, ...; no
            item twice in one basket.
        lengths: `(baskets,)` items in each basket; 0 is allowed, an empty basket counts.
        labels: the name of each code; codes that never occur may have one too.
        weights: `(baskets,)` int64, how often each basket counts, or None: once each.
        notes: what was read, dropped or merged, one sentence each.
    """

    codes: np.ndarray
    lengths: np.ndarray
    labels: Sequence[Any] | np.ndarray
    weights: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def total(self) -> int:
        """The number of baskets, by weight."""
        return len(self.lengths) if self.weights is None else int(self.weights.sum())

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """The items of one basket."""
        end = int(self.lengths[: index + 1].sum())
        codes = self.codes[end - int(self.lengths[index]) : end]
        return tuple(self.labels[code] for code in codes)

    @classmethod
    def from_lists(cls, lists: Iterable[Iterable[Any]]) -> Baskets:
        """Baskets from any iterable of iterables of hashable items.

        Raises:
            DataError: an item is None or not a number, or two look the same, like 1 and "1".
        """
        sized: Any = lists if isinstance(lists, list | tuple) else list(lists)
        if not all(hasattr(kind, "__len__") for kind in set(map(type, sized))):
            sized = list(map(list, sized))
        lengths = np.fromiter(map(len, sized), np.int64, len(sized))
        flat = list(chain.from_iterable(sized))
        codes, labels = encode(flat)
        if len(labels) < 3:
            _refuse_booleans(flat)
        refuse_twins(labels)
        return cls(*without_repeats(codes, lengths), labels)


def refuse_twins(labels: Sequence[Any] | np.ndarray) -> None:
    """Refuses items that differ but look the same, like 1 and "1"."""
    if isinstance(labels, np.ndarray):
        return
    names = {label for label in labels if isinstance(label, str)}
    if names and len(names) < len(labels):
        for label in labels:
            if not isinstance(label, str) and str(label) in names:
                raise DataError(
                    f"Among the items are {label!r} and {str(label)!r}: they look the same.\n"
                    "Make them one kind, for example with str(item)."
                )


def _refuse_booleans(items: list[Any]) -> None:
    """Refuses lists of True and False: they are rows of a table, not names of items."""
    if items and all(isinstance(item, bool | np.bool_) for item in items):
        raise DataError(
            "The items are all True or False.  If each list is a row of a table with a column for "
            "each item, pass numpy.array(lists)."
        )


def without_items(baskets: Baskets, items: Collection[Any]) -> tuple[Baskets, set[Any]]:
    """Returns the baskets without some items, and those of the items that occurred.

    An item may also be named by its text: `"7"` is the number 7.
    """
    codes = [code for code, label in enumerate(baskets.labels) if named(label, items) is not None]
    dropped = np.isin(baskets.codes, codes)
    there = {named(baskets.labels[code], items) for code in np.unique(baskets.codes[dropped])}
    kept = ~dropped
    owner = np.repeat(np.arange(len(baskets)), baskets.lengths)
    lengths = np.bincount(owner[kept], minlength=len(baskets))
    return replace(baskets, codes=baskets.codes[kept], lengths=lengths), there


def nearest_item(item: Any, labels: Iterable[Any]) -> str:
    """A sentence with the items nearest to `item`, or with all when they are few."""
    names = sorted({str(label) for label in labels})
    if len(names) > 20:
        names = difflib.get_close_matches(str(item), names, n=3)
    return did_you_mean(str(item), names) if names else "No item is called anything like it."


def named(label: Any, names: Collection[Any]) -> Any:
    """The one of `names` that means `label`, as it is or as text; None if there is none."""
    if label in names:
        return label
    return str(label) if str(label) in names else None


def encode(items: list[Any]) -> tuple[np.ndarray, Any]:
    """Codes from 0 for a flat list of items, and the item of each code.

    Small whole numbers are their own codes; everything else gets its code from a dictionary.

    Raises:
        DataError: an item is None or not a number (NaN).
    """
    try:
        numbers = np.frombuffer(array("q", items), np.int64)  # only takes whole numbers
    except (TypeError, OverflowError):
        pass
    else:
        return encode_integers(numbers)
    known = dict.fromkeys(items)
    wrong = [item for item in known if item is None or item != item]
    if wrong:
        raise DataError(
            f"{sum(item is None or item != item for item in items)} of the items are "
            f"{wrong[0]!r}, which names no item.\nLeave them out before mining."
        )
    labels = list(known)
    code_of = dict(zip(labels, range(len(labels)), strict=True))
    return np.fromiter(map(code_of.__getitem__, items), np.int64, len(items)), labels


def encode_integers(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes and labels for whole numbers: themselves when small, else their place when sorted."""
    if not len(numbers):
        return numbers.astype(np.int64), np.empty(0, np.int64)
    lowest, highest = int(numbers.min()), int(numbers.max())
    if lowest >= 0 and highest < 4 * len(numbers) + (1 << 16):
        return numbers, np.arange(highest + 1)
    labels, codes = np.unique(numbers, return_inverse=True)
    return codes, labels


def without_repeats(codes: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drops the second and later copies of an item in a basket."""
    starts = np.zeros(len(codes) + 1, bool)
    starts[np.cumsum(lengths) - lengths] = True
    ascending = codes[1:] > codes[:-1]
    ascending |= starts[1:-1]
    if ascending.all():
        return codes, lengths
    codes = sort_each(codes, lengths)
    repeated = np.zeros(len(codes), bool)
    np.equal(codes[1:], codes[:-1], out=repeated[1:])
    repeated &= ~starts[:-1]
    if repeated.any():
        before = np.zeros(len(codes) + 1, np.int64)
        np.cumsum(repeated, out=before[1:])
        ends = np.cumsum(lengths)
        lengths = lengths - (before[ends] - before[ends - lengths])
        codes = codes[~repeated]
    return codes, lengths


def sort_each(codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Sorts inside each basket."""
    result = codes.copy()
    for _, places in same_length(lengths):
        if places.shape[1] > 1:
            block = codes.take(places)
            block.sort(axis=1)
            result[places] = block
    return result


def same_length(
    lengths: np.ndarray, most: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Baskets of one length together, at most `most` at a time.

    Yields:
        `(baskets,)` their numbers, and `(baskets, length)` where their items are.
    """
    firsts = np.cumsum(lengths) - lengths
    narrow = lengths.astype(np.uint16) if lengths.max(initial=0) < 1 << 16 else lengths
    by_length = np.argsort(narrow, kind="stable")
    sizes, numbers = np.unique(narrow.take(by_length), return_counts=True)
    at = 0
    for size, number in zip(sizes.tolist(), numbers.tolist(), strict=True):
        for start in range(at, at + number, most or number):
            baskets = by_length[start : min(start + (most or number), at + number)]
            yield baskets, firsts.take(baskets)[:, None] + np.arange(size)
        at += number
