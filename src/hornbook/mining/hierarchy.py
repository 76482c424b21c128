"""Mines categories of items, which may belong to larger categories.

Every basket also gets the categories of its items, so that a category is mined like an item, and
its support is the number of baskets with at least one of its items.  Sets that hold both an item
and a category of it are redundant and are left out.

Reference: Srikant and Agrawal, Mining Generalized Association Rules, 1995.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import chain

import numpy as np

from hornbook.errors import DataError
from hornbook.mining.baskets import Baskets, without_repeats
from hornbook.mining.itemsets import Itemsets
from hornbook.progress import note
from hornbook.tabular.lines import line_ends, numbered_lines
from hornbook.tabular.separators import find_table_separator, sep_line
from hornbook.tabular.table import cell_rows


def read_categories(path: str, encoding: str | None = None) -> dict[str, str]:
    """Reads `{item: category}` from a file with these two columns; a header line is allowed.

    Args:
        path: CSV, TSV or another separator; see `hornbook.tabular`.
        encoding: A Python encoding name.  Defaults to detecting it.

    Raises:
        DataError: a line does not have two columns, or an item has two categories.
    """
    problems: list[str] = []

    def report(where: str, what: str) -> None:
        problems.append(f"{where}: {what}")

    lines = line_ends(numbered_lines(path, report, note, encoding=encoding))
    first = next(((number, line) for number, line in lines if line.strip()), None)
    sign = None if first is None else sep_line(first[1])
    if first is None:
        raise DataError(f"{path} is empty: two columns were expected, item and category.")
    if sign is None:
        lines = chain([first], lines)
        sign = find_table_separator(first[1]) or ","
    categories: dict[str, str] = {}
    for row in cell_rows(lines, sign, path, report):
        cells = [cell.strip() for cell in row.cells]
        while len(cells) > 2 and not cells[-1]:
            cells.pop()
        if len(cells) != 2 or not all(cells):
            problems.append(f"{path}:{row.line}: expected two columns, item and category")
        elif not categories and tuple(cell.lower() for cell in cells) == ("item", "category"):
            continue
        elif categories.setdefault(cells[0], cells[1]) != cells[1]:
            both = f"{categories[cells[0]]!r} and {cells[1]!r}"
            problems.append(f"{path}:{row.line}: {cells[0]!r} has two categories, {both}")
    if problems:
        more = f"\nThere are {len(problems) - 1:,} more such lines." if len(problems) > 1 else ""
        raise DataError(f"{problems[0]}.{more}")
    return categories


def ancestors(categories: Mapping[Hashable, Hashable]) -> dict[Hashable, list[Hashable]]:
    """Returns all categories of each item, the nearest first.

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
                raise DataError(f"The categories form a cycle: {item!r} is its own ancestor.")
            above.append(step)
        result[item] = above
    return result


def _as_labels(
    categories: Mapping[Hashable, Hashable], labels: Sequence[Hashable]
) -> Mapping[Hashable, Hashable]:
    """Returns the categories with text keys replaced by the numeric items they mean."""
    names = set(labels)
    by_text = {str(label): label for label in labels if not isinstance(label, str)}
    if not by_text:
        return categories
    return {
        item if item in names else by_text.get(str(item), item): category
        for item, category in categories.items()
    }


def with_categories(baskets: Baskets, categories: Mapping[Hashable, Hashable]) -> Baskets:
    """Returns the baskets, each with the categories of its items added."""
    labels = [label.item() if isinstance(label, np.generic) else label for label in baskets.labels]
    above = ancestors(_as_labels(categories, labels))
    code_of = {label: code for code, label in enumerate(labels)}
    pairs = []
    queue = [label for label in labels if label in above]
    for label in queue:
        for category in above[label]:
            if category not in code_of:
                code_of[category] = len(labels)
                labels.append(category)
                if category in above:
                    queue.append(category)
            pairs.append((code_of[label], code_of[category]))
    if not pairs:
        return baskets
    relations = np.array(sorted(set(pairs)), np.int64)
    # each entry is followed by its ancestors
    counts = np.bincount(relations[:, 0], minlength=len(labels))
    starts = np.cumsum(counts) - counts
    copies = 1 + counts.take(baskets.codes)
    entries = np.repeat(np.arange(len(baskets.codes)), copies)
    turns = np.arange(len(entries)) - np.repeat(np.cumsum(copies) - copies, copies)
    items = baskets.codes.take(entries)
    above_codes = relations[:, 1].take(np.maximum(starts.take(items) + turns - 1, 0), mode="clip")
    codes = np.where(turns == 0, items, above_codes)
    ends = np.zeros(len(baskets.codes) + 1, np.int64)
    np.cumsum(copies, out=ends[1:])
    basket_ends = np.cumsum(baskets.lengths)
    lengths = ends[basket_ends] - ends[basket_ends - baskets.lengths]
    codes, lengths = without_repeats(codes, lengths)
    return Baskets(codes, lengths, labels, baskets.weights, list(baskets.notes))


def without_relatives(itemsets: Itemsets, categories: Mapping[Hashable, Hashable]) -> Itemsets:
    """Returns the itemsets without those that hold an item and one of its ancestors."""
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
