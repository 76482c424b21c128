"""Changes to baskets before they are mined: items left out, categories added."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hornbook.errors import DataError, OptionError
from hornbook.mining.baskets import Baskets, nearest_item, without_items
from hornbook.mining.hierarchy import with_categories


@dataclass
class Changes:
    """Changes to baskets, and which of them had an effect.

    Attributes:
        exclude: Items to leave out.
        categories: `{item: category}`, or None; see `hierarchy`.
        excluded: The items of `exclude` that occurred.
        categorized: Whether any basket got a category.
    """

    exclude: tuple[Hashable, ...] = ()
    categories: Mapping[Any, Any] | None = None
    excluded: set[Hashable] = field(default_factory=set)
    categorized: bool = False

    def apply(self, baskets: Baskets) -> Baskets:
        """Returns the changed baskets."""
        if self.exclude:
            baskets, excluded = without_items(baskets, self.exclude)
            self.excluded |= excluded
        if self.categories is not None:
            original = baskets
            baskets = with_categories(original, self.categories)
            self.categorized |= baskets is not original
        return baskets

    def merge(self, other: Changes) -> None:
        """Merges the effects of the same changes on other baskets."""
        self.excluded |= other.excluded
        self.categorized |= other.categorized

    def refuse_useless(self, labels: Iterable[Hashable]) -> None:
        """Checks that every change had an effect; one that has none is probably misspelled.

        Raises:
            OptionError: an excluded item is in no basket; names the closest of `labels`.
            DataError: no item with a category is in any basket.
        """
        for item in self.exclude:
            if item not in self.excluded:
                raise OptionError(f"No basket has the item {item!r}.  {nearest_item(item, labels)}")
        if self.categories is not None and not self.categorized:
            raise DataError(
                f"None of the {len(self.categories):,} items with a category is in a basket."
            )
