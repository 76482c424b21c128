"""Baskets in columns: the item codes of one basket after another, and the names of the items."""

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
        codes: `(entries,)` integers: the items of the first basket, of the second, and so on; no
            item occurs twice in a basket.
        lengths: `(baskets,)`, number of items per basket; 0 is allowed: an empty basket counts.
        labels: The name of each code; codes that never occur may have one too.
        weights: `(baskets,)` int64, how often each basket counts; None for once each.
        notes: What was read, dropped or merged, one sentence each.
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
        """Returns the items of one basket."""
        end = int(self.lengths[: index + 1].sum())
        codes = self.codes[end - int(self.lengths[index]) : end]
        return tuple(self.labels[code] for code in codes)

    @classmethod
    def from_lists(cls, lists: Iterable[Iterable[Any]]) -> Baskets:
        """Makes baskets from any iterable of iterables of hashable items.

        Raises:
            DataError: an item is None or NaN, or two items look the same, like 1 and "1".
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
    """Raises DataError for items that differ but look the same, like 1 and "1"."""
    if isinstance(labels, np.ndarray):
        return
    names = {label for label in labels if isinstance(label, str)}
    if names and len(names) < len(labels):
        for label in labels:
            if not isinstance(label, str) and str(label) in names:
                raise DataError(
                    f"Among the items are {label!r} and {str(label)!r}: they look the same.\n"
                    "Convert them to one type, for example with str(item)."
                )


def _refuse_booleans(items: list[Any]) -> None:
    """Raises DataError for lists of booleans, which are rows of a table rather than items."""
    if items and all(isinstance(item, bool | np.bool_) for item in items):
        raise DataError(
            "The items are all True or False.  If each list is a row of a table with a column for "
            "each item, pass numpy.array(lists)."
        )


def without_items(baskets: Baskets, items: Collection[Any]) -> tuple[Baskets, set[Any]]:
    """Returns the baskets without `items`, and the items that occurred in them.

    An item may also be named by its text: `"7"` is the number 7.
    """
    codes = [code for code, label in enumerate(baskets.labels) if named(label, items) is not None]
    is_excluded = np.isin(baskets.codes, codes)
    occurring = {
        named(baskets.labels[code], items) for code in np.unique(baskets.codes[is_excluded])
    }
    is_kept = ~is_excluded
    owner = np.repeat(np.arange(len(baskets)), baskets.lengths)
    lengths = np.bincount(owner[is_kept], minlength=len(baskets))
    return replace(baskets, codes=baskets.codes[is_kept], lengths=lengths), occurring


def nearest_item(item: Any, labels: Iterable[Any]) -> str:
    """Returns a sentence with the items closest to `item`, or with all if there are few."""
    names = sorted({str(label) for label in labels})
    if len(names) > 20:
        names = difflib.get_close_matches(str(item), names, n=3)
    return did_you_mean(str(item), names) if names else "No item has a similar name."


def named(label: Any, names: Collection[Any]) -> Any:
    """Returns the one of `names` that equals `label`, as it is or as text; None if none does."""
    if label in names:
        return label
    return str(label) if str(label) in names else None


def encode(items: list[Any]) -> tuple[np.ndarray, Any]:
    """Encodes a flat list of items; returns codes from 0, and the item of each code.

    Small integers are their own codes; other items get theirs from a dictionary.

    Raises:
        DataError: an item is None or NaN.
    """
    try:
        numbers = np.frombuffer(array("q", items), np.int64)  # accepts only integers
    except (TypeError, OverflowError):
        pass
    else:
        return encode_integers(numbers)
    distinct = dict.fromkeys(items)
    missing = [item for item in distinct if item is None or item != item]
    if missing:
        raise DataError(
            f"{sum(item is None or item != item for item in items)} of the items are "
            f"{missing[0]!r}, which is not an item.\nRemove them before mining."
        )
    labels = list(distinct)
    code_of = dict(zip(labels, range(len(labels)), strict=True))
    return np.fromiter(map(code_of.__getitem__, items), np.int64, len(items)), labels


def encode_integers(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Encodes integers as themselves if they are small, else by rank; returns codes and labels."""
    if not len(numbers):
        return numbers.astype(np.int64), np.empty(0, np.int64)
    lowest, highest = int(numbers.min()), int(numbers.max())
    if lowest >= 0 and highest < 4 * len(numbers) + (1 << 16):
        return numbers, np.arange(highest + 1)
    labels, codes = np.unique(numbers, return_inverse=True)
    return codes, labels


def without_repeats(codes: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drops repetitions of an item in a basket; returns the new codes and lengths."""
    starts = np.zeros(len(codes) + 1, bool)
    starts[np.cumsum(lengths) - lengths] = True
    ascending = codes[1:] > codes[:-1]
    ascending |= starts[1:-1]
    if ascending.all():
        return codes, lengths
    codes = sort_each(codes, lengths)
    is_repetition = np.zeros(len(codes), bool)
    np.equal(codes[1:], codes[:-1], out=is_repetition[1:])
    is_repetition &= ~starts[:-1]
    if is_repetition.any():
        before = np.zeros(len(codes) + 1, np.int64)
        np.cumsum(is_repetition, out=before[1:])
        ends = np.cumsum(lengths)
        lengths = lengths - (before[ends] - before[ends - lengths])
        codes = codes[~is_repetition]
    return codes, lengths


def sort_each(codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns the codes, sorted within each basket."""
    result = codes.copy()
    for _, places in same_length(lengths):
        if places.shape[1] > 1:
            block = codes.take(places)
            block.sort(axis=1)
            result[places] = block
    return result


def same_length(
    lengths: np.ndarray, maximum: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Groups baskets by length, at most `maximum` at a time.

    Yields:
        Their indices, `(baskets,)`, and the positions of their items, `(baskets, length)`.
    """
    firsts = np.cumsum(lengths) - lengths
    narrow = lengths.astype(np.uint16) if lengths.max(initial=0) < 1 << 16 else lengths
    by_length = np.argsort(narrow, kind="stable")
    sizes, counts = np.unique(narrow.take(by_length), return_counts=True)
    first = 0
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        for start in range(first, first + count, maximum or count):
            baskets = by_length[start : min(start + (maximum or count), first + count)]
            yield baskets, firsts.take(baskets)[:, None] + np.arange(size)
        first += count
