"""Association rules in columns."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hornbook.errors import OptionError, require
from hornbook.mining.baskets import nearest_item
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.rules.measures import MEASURES, Shares
from hornbook.mining.rules.redundancy import gain
from hornbook.mining.rules.significance import CORRECTIONS, TESTS, chi2, correct, fisher

# mlxtend's names where they differ from ours
_MLXTEND = {"zhang": "zhangs_metric"}


@dataclass(frozen=True, eq=False)
class Rules:
    """Association rules, as indices of itemsets.

    Attributes:
        itemsets: The frequent itemsets.
        whole, antecedent, consequent: `(rules,)` int64, indices of the itemsets of both sides
            together, and of each side.
        tested: Number of rules that were tested before weak ones were dropped, for corrections
            for multiple testing.
    """

    itemsets: Itemsets
    whole: np.ndarray
    antecedent: np.ndarray
    consequent: np.ndarray
    tested: int

    @classmethod
    def none(cls, itemsets: Itemsets) -> Rules:
        """Returns an empty table."""
        nothing = np.empty(0, np.int64)
        return cls(itemsets, nothing, nothing, nothing, 0)

    def __len__(self) -> int:
        return len(self.whole)

    def __iter__(self) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """Yields (antecedent items, consequent items) for each rule."""
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return self.itemsets[self.antecedent[index]], self.itemsets[self.consequent[index]]

    @property
    def counts(self) -> np.ndarray:
        """Number of baskets with both sides, `(rules,)`."""
        return self.itemsets.counts.take(self.whole)

    @cached_property
    def shares(self) -> Shares:
        total = self.itemsets.total
        counts = self.itemsets.counts
        return Shares(
            counts.take(self.whole) / total,
            counts.take(self.antecedent) / total,
            counts.take(self.consequent) / total,
        )

    def measure(self, name: str) -> np.ndarray:
        """Returns one of `MEASURES`, such as `"lift"`, `(rules,)`."""
        if name not in MEASURES:
            raise OptionError(f"Unknown measure {name!r}.  Known: {', '.join(MEASURES)}.")
        return MEASURES[name](self.shares)

    def measures(self) -> dict[str, np.ndarray]:
        """Returns all `MEASURES` by name."""
        return {name: measure(self.shares) for name, measure in MEASURES.items()}

    def p_values(self, test: str = "fisher", correction: str = "none") -> np.ndarray:
        """Returns the probability of so strong a rule by chance, `(rules,)`.

        Args:
            test: `"fisher"` (exact, one-sided) or `"chi2"`.
            correction: For the number of rules tested; one of `CORRECTIONS`.
        """
        for value, allowed, name in (
            (test, TESTS, "test"),
            (correction, CORRECTIONS, "correction"),
        ):
            if value not in allowed:
                raise OptionError(f"Unknown {name}={value!r}.  Known: {', '.join(allowed)}.")
        counts = self.itemsets.counts
        p_values = {"fisher": fisher, "chi2": chi2}[test](
            self.counts,
            counts.take(self.antecedent),
            counts.take(self.consequent),
            self.itemsets.total,
        )
        return correct(p_values, correction, self.tested)

    def take(self, indices: np.ndarray) -> Rules:
        """Returns the rules with these indices, or those where a boolean array is true."""
        sides = (self.whole[indices], self.antecedent[indices], self.consequent[indices])
        return Rules(self.itemsets, *sides, self.tested)

    def sorted_by(self, measure: str = "lift") -> Rules:
        """Returns the rules, best first; ties by frequency, then in the order of the itemsets."""
        keys = (self.antecedent, self.whole, -self.counts, -self.measure(measure))
        return self.take(np.lexsort(keys))

    def with_item(self, item: Hashable, side: str = "either") -> np.ndarray:
        """Returns whether `item` is in the antecedent, the consequent, or either, `(rules,)`.

        Raises:
            OptionError: the item is not frequent; names the closest one that is.
        """
        holds = sets_with(self.itemsets, item)
        sides = {
            "antecedent": self.antecedent,
            "consequent": self.consequent,
            "either": self.whole,
        }
        return holds.take(sides[side])

    def without_redundant(self, improvement: float = 0.0) -> Rules:
        """Returns the rules without those that a shorter one makes redundant.

        A rule is redundant if some rule with the same consequent and fewer items in the antecedent
        (down to none: the support of the consequent) is as confident, up to `improvement`.
        """
        gains = gain(self.itemsets, self.antecedent, self.consequent)
        return self.take(np.flatnonzero(gains > improvement))

    def _repr_html_(self) -> str:
        """Returns the first rules as a table for notebooks."""
        from hornbook.report.notebook_table import MAXIMUM_ROWS, html_table

        first = self.take(np.arange(min(len(self), MAXIMUM_ROWS)))
        measures = [first.measure(name) for name in ("support", "confidence", "lift")]
        sides = (first.antecedent.tolist(), first.consequent.tolist())
        rows = [
            (
                *(", ".join(map(str, self.itemsets[index])) for index in pair),
                *(f"{value:.4f}" for value in values),
            )
            for *pair, values in zip(*sides, zip(*measures, strict=True), strict=True)
        ]
        header = ("antecedent", "consequent", "support", "confidence", "lift")
        return html_table(header, rows, len(self))

    def to_pandas(self) -> Any:
        """Returns a pandas DataFrame with mlxtend's columns, and `imbalance`."""
        pandas = require("pandas", extra="tables")
        sets = [frozenset(self.itemsets[index]) for index in range(len(self.itemsets))]
        columns: dict[str, Any] = {
            "antecedents": [sets[index] for index in self.antecedent.tolist()],
            "consequents": [sets[index] for index in self.consequent.tolist()],
        }
        for name, values in self.measures().items():
            columns[_MLXTEND.get(name, name)] = values
        return pandas.DataFrame(columns)

    def to_arrow(self) -> Any:
        """Returns a PyArrow table: `antecedent` and `consequent` (lists), `count`, the measures."""
        arrow = require("pyarrow", extra="tables")
        items = self.itemsets.to_arrow().column("items").combine_chunks()
        columns = {
            "antecedent": items.take(arrow.array(self.antecedent)),
            "consequent": items.take(arrow.array(self.consequent)),
            "count": self.counts,
        }
        return arrow.table(columns | self.measures())


def sets_with(itemsets: Itemsets, item: Hashable) -> np.ndarray:
    """Returns whether each set holds `item`, `(sets,)`."""
    code = code_of(itemsets, item)
    places = np.flatnonzero(itemsets.items == code)
    holds = np.zeros(len(itemsets), bool)
    holds[np.searchsorted(itemsets.offsets, places, "right") - 1] = True
    return holds


def code_of(itemsets: Itemsets, item: Hashable) -> int:
    """Returns the code of a frequent item.

    Raises:
        OptionError: it is not frequent; names the closest item that is.
    """
    codes = np.unique(itemsets.items).tolist()
    labels: dict[Any, int] = {itemsets.label_of(code): code for code in codes}
    if item in labels:
        return labels[item]
    by_name = {str(label): code for label, code in labels.items()}
    if str(item) in by_name:
        return by_name[str(item)]
    raise OptionError(f"{item!r} is not among the frequent items.  {nearest_item(item, by_name)}")
