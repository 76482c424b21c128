"""The result of mining: frequent itemsets in columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from hornbook.errors import require


@dataclass(frozen=True, eq=False)
class Itemsets:
    """Frequent itemsets in columns, shortest first.

    Set `i` is `items[offsets[i]:offsets[i + 1]]`, as codes into `labels`: two flat arrays in the
    layout of an Arrow list column, without a Python object per set.

    Attributes:
        offsets: `(sets + 1,)` int64.
        items: `(sum of lengths,)` int32.
        counts: `(sets,)` int64, number of baskets that hold each set, by weight.
        labels: The item of each code.
        total: Number of baskets, by weight.
        minimum: Minimum count of a frequent set.
        kind: `"all"`, `"closed"` or `"maximal"`.
        notes: Notes about a file that was mined in parts, one sentence each.
    """

    offsets: np.ndarray
    items: np.ndarray
    counts: np.ndarray
    labels: Any
    total: int
    minimum: int
    kind: str = "all"
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.counts)

    def __iter__(self) -> Iterator[tuple[tuple[Any, ...], int]]:
        """Yields (items, count) for each set: convenient but slow, unlike `to_arrow`."""
        return ((self[index], count) for index, count in enumerate(self.counts.tolist()))

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        codes = self.items[self.offsets[index] : self.offsets[index + 1]]
        return tuple(self.label_of(code) for code in codes.tolist())

    def label_of(self, code: int) -> Any:
        """Returns the name of an item as a plain Python value."""
        label = self.labels[code]
        return label.item() if isinstance(label, np.generic) else label

    @property
    def lengths(self) -> np.ndarray:
        """Number of items in each set, `(sets,)`."""
        return np.diff(self.offsets)

    @property
    def supports(self) -> np.ndarray:
        """Share of baskets that hold each set, `(sets,)`."""
        return self.counts / self.total

    @cached_property
    def by_length(self) -> list[tuple[int, np.ndarray]]:
        """For each length, the index of the first such set and the sets as `(sets, length)`."""
        lengths = self.lengths
        matrices = []
        for length in np.unique(lengths).tolist():
            low, high = np.searchsorted(lengths, [length, length + 1]).tolist()
            block = self.items[self.offsets[low] : self.offsets[high]]
            matrices.append((low, block.reshape(high - low, length)))
        return matrices

    def take(self, indices: np.ndarray, *, kind: str | None = None) -> Itemsets:
        """Returns some of the sets; `indices` must ascend, so that lengths stay sorted."""
        from hornbook.mining.search.item_rows import runs

        lengths = self.lengths.take(indices)
        _, places = runs(self.offsets.take(indices), lengths)
        offsets = np.zeros(len(indices) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return replace(
            self,
            offsets=offsets,
            items=self.items.take(places),
            counts=self.counts.take(indices),
            kind=kind or self.kind,
        )

    def _repr_html_(self) -> str:
        """Returns the first sets as a table for notebooks."""
        from hornbook.report.notebook_table import html_table

        rows = (
            (", ".join(map(str, items)), f"{count:,}", f"{count / self.total:.4f}")
            for items, count in self
        )
        return html_table(("items", "count", "support"), rows, len(self))

    def to_dict(self) -> dict[frozenset[Any], int]:
        """Returns `{frozenset of items: count}`."""
        return {frozenset(items): count for items, count in self}

    def to_pandas(self) -> Any:
        """Returns a pandas DataFrame with mlxtend's columns, `support` and `itemsets`."""
        pandas = require("pandas", extra="tables")
        return pandas.DataFrame(
            {
                "support": self.supports,
                "itemsets": pandas.Series(
                    [frozenset(self[index]) for index in range(len(self))], dtype=object
                ),
            }
        )

    def to_arrow(self) -> Any:
        """Returns a PyArrow table with `items` (lists), `count` and `support`."""
        arrow = require("pyarrow", extra="tables")
        labels = self.labels if isinstance(self.labels, np.ndarray) else list(self.labels)
        try:
            names = arrow.array(labels)
        except arrow.ArrowException:  # items of different types, like numbers with categories
            names = arrow.array([str(label) for label in labels])
        items = names.take(arrow.array(self.items))
        return arrow.table(
            {
                "items": arrow.LargeListArray.from_arrays(arrow.array(self.offsets), items),
                "count": self.counts,
                "support": self.supports,
            }
        )
