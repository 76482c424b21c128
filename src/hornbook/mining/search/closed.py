"""Finds closed and maximal sets directly, without enumerating all frequent sets.

Where many items always occur together, there are far more frequent sets than closed ones.  The
search extends a class (a closed set, and the baskets that hold it) by each of its tails, in
thousands of classes by the same NumPy calls, as `projection` does.  Every row also stores, as bits,
the items that *all* its baskets hold.  The AND of these over the rows with a tail is the closure of
class and tail.  If the closure has an item before the tail that is not in the class's set, it is
also reached from that item, and dropped here.  So every closed set is visited once, and none has to
be remembered.

Maximal sets are closed, and end a branch.  Where a class's set with all its tails is frequent, that
set ends the branch.  Subsets of other sets are removed at the end, and whenever the number of sets
has doubled since the last time.

Reference: Uno, Asai, Uchida and Arimura, LCM ver. 2, 2004, which extends closed sets and merges
rows in this way.
"""

from __future__ import annotations

import numpy as np

from hornbook.mining.search import bit_columns, bitsets
from hornbook.mining.search.closed_rows import Classes, join, merge, root_class
from hornbook.mining.search.collecting import Collector, SearchStopped
from hornbook.mining.search.item_rows import CODE_BITS, Rows, spell_out
from hornbook.mining.search.tail_pairs import Batch, by_child, children, count_pairs, cut

_ENTRIES = 1 << 18  # more take more memory and are no faster


def find_condensed(
    rows: Rows, total: int, minimum: int, maximal: bool, collector: Collector, entries: int
) -> None:
    """Finds all closed or all maximal frequent sets.

    Args:
        rows: The one class of all baskets; see `Rows`.
        total: Number of baskets, by weight, including those that `rows` leaves out.
        minimum: Minimum count of a frequent set.
        maximal: Whether to find only sets without a frequent superset.
        collector: Receives the sets.
        entries: Maximum entries of child rows at a time, as in `projection.descend`.
    """
    number = len(rows.tails)
    if not number:
        return
    search = _Search(minimum, maximal, collector, min(entries, _ENTRIES))
    root = root_class(rows, total)
    if root.closed.any() and not (maximal and len(root.rows.tails)):
        search.add(root.closed, np.array([total]))
    search.start(root)
    if not search.size:
        return
    if maximal:
        search.drop_subsets()
        collector.announce(search.size)
    sets, counts = np.concatenate(search.sets, axis=1), np.concatenate(search.counts)
    sizes = bitsets.sizes_of(sets)
    for size in np.unique(sizes).tolist():
        indices = np.flatnonzero(sizes == size)
        items = bitsets.items_of(sets.take(indices, axis=1), size)
        collector.add(rows.tails.take(items), counts.take(indices))


class _Search:
    """The settings of a search, and the sets found so far, as bits."""

    def __init__(self, minimum: int, maximal: bool, collector: Collector, entries: int):
        self.minimum, self.maximal, self.collector, self.entries = (
            minimum,
            maximal,
            collector,
            entries,
        )
        self.sets: list[np.ndarray] = []
        self.counts: list[np.ndarray] = []
        self.size = 0  # number of sets
        self.room = collector.limit  # maximum number of sets until subsets are removed

    def add(self, sets: np.ndarray, counts: np.ndarray) -> None:
        if not len(counts):
            return
        if not self.maximal:
            self.collector.announce(len(counts))
        self.sets.append(sets)
        self.counts.append(counts)
        self.size += len(counts)
        if self.maximal and self.size > self.room:
            self.drop_subsets()

    def drop_subsets(self) -> None:
        """Drops the sets that are subsets of others.

        Raises:
            SearchStopped: the rest is more than the limit, though a larger set that is found later
                could still contain many of them.
        """
        sets, counts = np.concatenate(self.sets, axis=1), np.concatenate(self.counts)
        maximal = bitsets.without_subsets(sets, bitsets.sizes_of(sets))
        self.sets, self.counts = [sets.take(maximal, axis=1)], [counts.take(maximal)]
        self.size = len(maximal)
        self.room = max(self.room, 2 * self.size)
        if self.size > self.collector.limit:
            raise SearchStopped

    def start(self, root: Classes) -> None:
        """Finds everything below the class of all baskets."""
        rows = root.rows
        if not len(rows.items):
            return
        if bit_columns.is_cheaper(len(rows.tails), rows.lengths):
            columns = bit_columns.bit_columns(rows)
            counts = bit_columns.count_pairs(columns, rows.weights)
            is_tail = np.triu(counts >= self.minimum, 1) & (counts < root.supports[:, None])
            if is_tail.sum(axis=1).max() <= CODE_BITS:
                self._first_step_by_columns(root, columns, counts, is_tail)
                return
        self.descend(root)

    def _first_step_by_columns(
        self, root: Classes, columns: np.ndarray, counts: np.ndarray, is_tail: np.ndarray
    ) -> None:
        """`descend` for the one class of all baskets, along the columns of dense data.

        Args:
            root: The class.
            columns: `(tails, rows)` booleans, which rows hold which tail.
            counts: `(tails, tails)`, above the diagonal, number of baskets with both.
            is_tail: `(tails, tails)` booleans, which tails the class of each tail has.
        """
        baskets = [np.flatnonzero(column) for column in columns]
        closed = np.array(
            [np.bitwise_and.reduce(root.common.take(rows, axis=1), axis=1) for rows in baskets]
        ).T
        is_new = ~bitsets.hold_smaller(closed & ~root.closed, root.rows.tails)
        self._add_closures(root, closed, is_new, is_new & ~is_tail.any(axis=1))
        parents = np.flatnonzero(is_new & is_tail.any(axis=1))
        codes, weights, bits = [], [], []
        for tail in parents.tolist():
            code = bit_columns.codes_in(columns, np.flatnonzero(is_tail[tail]), baskets[tail])
            nonzero = np.flatnonzero(code)
            code, own_rows = code.take(nonzero), baskets[tail].take(nonzero)
            weight = root.rows.weights
            distinct, weight, common = merge(
                code,
                np.zeros(len(code), np.int64),
                None if weight is None else weight.take(own_rows),
                root.common.take(own_rows, axis=1),
            )
            codes.append(code.take(distinct))
            weights.append(weight)
            bits.append(common)
        if not codes:
            return
        items, lengths = spell_out(np.concatenate(codes))
        rows = Rows(
            items,
            lengths,
            np.repeat(np.arange(len(parents)), [len(code) for code in codes]),
            np.concatenate(weights),
            root.rows.tails.take(parents)[:, None],
            is_tail[parents].sum(axis=1),
            root.rows.tails.take(np.nonzero(is_tail[parents])[1]),
        )
        supports = counts[parents][is_tail[parents]]
        closed = closed.take(parents, axis=1)
        self._finish(Classes(rows, np.concatenate(bits, axis=1), closed, supports))

    def descend(self, classes: Classes) -> None:
        """Finds the closure of every class and tail, and all closed sets below."""
        rows = classes.rows
        if not len(rows.items):
            return
        run = np.repeat(np.arange(len(rows.lengths)), rows.lengths)
        child = rows.items + rows.tail_firsts.take(rows.owners).take(run)
        order = by_child(child, len(rows.tails))
        child, row = child.take(order), run.take(order)
        closed = classes.common_of(row, np.flatnonzero(np.diff(child, prepend=-1)))
        parents = np.repeat(np.arange(len(rows.tail_counts)), rows.tail_counts)
        added = closed & ~classes.closed.take(parents, axis=1)
        is_new = ~bitsets.hold_smaller(added, rows.tails)
        behind = np.cumsum(rows.lengths).take(row) - order - 1
        entries = np.flatnonzero(is_new.take(child) & (behind > 0))
        order, behind, child, row = (array.take(entries) for array in (order, behind, child, row))
        is_leaf = is_new.copy()
        parts: list[Classes] = []
        size = 0
        for batch in cut(rows, Batch(order, behind, child, row, 0, len(rows.tails))):
            part, inner_nodes = self._children(classes, closed, batch)
            is_leaf[inner_nodes] = False
            if part is not None:
                parts.append(part)
                size += len(part.rows.items)
            if size > self.entries:
                self._finish(join(parts))
                parts, size = [], 0
        self._add_closures(classes, closed, is_new, is_leaf)
        if parts:
            self._finish(join(parts))

    def _add_closures(
        self, classes: Classes, closed: np.ndarray, is_new: np.ndarray, is_leaf: np.ndarray
    ) -> None:
        """Adds the closures of tails that are new, or, for maximal sets, that end a branch."""
        tails = np.flatnonzero(is_leaf if self.maximal else is_new)
        self.add(closed.take(tails, axis=1), classes.supports.take(tails))

    def _children(
        self, classes: Classes, closed: np.ndarray, batch: Batch
    ) -> tuple[Classes | None, np.ndarray]:
        """Returns the classes of those children of a batch that have tails, and their indices."""
        pairs = count_pairs(classes.rows, batch, self.minimum)
        # a tail that all baskets of the child hold is in its closure
        proper = np.flatnonzero(pairs.counts < classes.supports.take(pairs.first))
        result = children(classes.rows, batch, pairs.take(proper), least=1)
        if result is None:
            return None, np.empty(0, np.int64)
        rows, inner_nodes, entries = result
        common = classes.common.take(batch.rows.take(entries), axis=1)
        supports = pairs.counts.take(proper).astype(np.int64)
        return Classes(rows, common, closed.take(inner_nodes, axis=1), supports), inner_nodes

    def _finish(self, classes: Classes) -> None:
        classes = classes.merged()
        if self.maximal:
            counts, sets = classes.with_all_tails()
            frequent = counts >= self.minimum
            ends = np.flatnonzero(frequent)
            self.add(sets.take(ends, axis=1), counts.take(ends))
            classes = classes.take(np.flatnonzero(~frequent))
        self.descend(classes)
