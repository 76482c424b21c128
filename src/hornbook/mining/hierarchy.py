"""Items that belong to categories, which belong to larger ones.

Every basket also gets the categories of its items, so a category is mined like an item,
and its support is the number of baskets with at least one of its items.  Sets that hold an
item together with its own category say nothing new and are left out.

Reference: Srikant and Agrawal, Mining Generalized Association Rules, 1995.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from hornbook.errors import DataError
from hornbook.mining.baskets import Baskets, without_repeats
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.unpacking import decode, read_bytes


def read_categories(path: str) -> dict[str, str]:
    """Item to category from a CSV with those two columns; a header line is allowed.

    Raises:
        DataError: naming the first line without two columns.
    """
    rows = list(csv.reader(io.StringIO(decode(read_bytes(path), path, []), newline="")))
    wrong = [number for number, row in enumerate(rows, 1) if row and len(row) != 2]
    if wrong or not rows:
        raise DataError(
            f"{path} must have two columns, item and category (see line {(wrong or [1])[0]})."
        )
    pairs = [(row[0].strip(), row[1].strip()) for row in rows if row]
    return dict(pairs[1:] if pairs[0] == ("item", "category") else pairs)


def ancestors(categories: Mapping[Hashable, Hashable]) -> dict[Hashable, list[Hashable]]:
    """For each item all categories above it, nearest first.

    Args:
        categories: `{item: category}`; a category may itself be a key.

    Raises:
        DataError: an item is its own ancestor.
    """
    result = {}
    for item in categories:
        above: list[Hashable] = []
        step = item
        while step in categories:
            step = categories[step]
            if step == item or step in above:
                raise DataError(f"The categories go in a circle: {item!r} is above itself.")
            above.append(step)
        result[item] = above
    return result


def _as_labels(
    categories: Mapping[Hashable, Hashable], labels: Sequence[Hashable]
) -> Mapping[Hashable, Hashable]:
    """The same categories for items that are numbers, where they are named by their text."""
    known = set(labels)
    by_text = {str(label): label for label in labels if not isinstance(label, str)}
    if not by_text:
        return categories
    return {
        item if item in known else by_text.get(str(item), item): category
        for item, category in categories.items()
    }


def with_categories(baskets: Baskets, categories: Mapping[Hashable, Hashable]) -> Baskets:
    """Adds to every basket the categories of its items."""
    labels = [label.item() if isinstance(label, np.generic) else label for label in baskets.labels]
    above = ancestors(_as_labels(categories, labels))
    code_of = {label: code for code, label in enumerate(labels)}
    pairs = []
    waiting = [label for label in labels if label in above]
    for label in waiting:
        for category in above[label]:
            if category not in code_of:
                code_of[category] = len(labels)
                labels.append(category)
                if category in above:
                    waiting.append(category)
            pairs.append((code_of[label], code_of[category]))
    if not pairs:
        return baskets
    related = np.array(sorted(set(pairs)), np.int64)
    # Each entry is followed by its ancestors.
    number = np.bincount(related[:, 0], minlength=len(labels))
    start = np.cumsum(number) - number
    copies = 1 + number.take(baskets.codes)
    which = np.repeat(np.arange(len(baskets.codes)), copies)
    turn = np.arange(len(which)) - np.repeat(np.cumsum(copies) - copies, copies)
    own = baskets.codes.take(which)
    above_code = related[:, 1].take(np.maximum(start.take(own) + turn - 1, 0), mode="clip")
    codes = np.where(turn == 0, own, above_code)
    ends = np.zeros(len(baskets.codes) + 1, np.int64)
    np.cumsum(copies, out=ends[1:])
    basket_ends = np.cumsum(baskets.lengths)
    lengths = ends[basket_ends] - ends[basket_ends - baskets.lengths]
    codes, lengths = without_repeats(codes, lengths)
    return Baskets(codes, lengths, labels, baskets.weights, list(baskets.notes))


def without_relatives(itemsets: Itemsets, categories: Mapping[Hashable, Hashable]) -> Itemsets:
    """Drops the sets that hold an item and one of its ancestors."""
    labels = [itemsets.label_of(code) for code in range(len(itemsets.labels))]
    code_of = {label: code for code, label in enumerate(labels)}
    size = len(labels)
    forbidden = np.sort(
        [
            code_of[item] * size + code_of[category]
            for item, above in ancestors(_as_labels(categories, labels)).items()
            for category in above
            if item in code_of and category in code_of
        ]
    ).astype(np.int64)
    if not len(forbidden):
        return itemsets
    keep = np.ones(len(itemsets), bool)
    for first, matrix in itemsets.by_length:
        wide = matrix.astype(np.int64)
        for left in range(matrix.shape[1]):
            for right in range(matrix.shape[1]):
                if left != right:
                    pair = wide[:, left] * size + wide[:, right]
                    place = np.searchsorted(forbidden, pair).clip(max=len(forbidden) - 1)
                    keep[first : first + len(matrix)] &= forbidden[place] != pair
    return itemsets.take(np.flatnonzero(keep))
