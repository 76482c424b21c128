"""Closed and maximal sets found directly, without all frequent sets on the way.

Where many items always come together, there are far more frequent sets than closed ones.
The search goes from a class (a closed set, and the baskets that hold it) to each of its
tails at once, in thousands of classes by the same calls to NumPy, as `projection` does.
Every row also keeps, as bits, which items *all* its baskets hold.  The AND of that over the
rows with a tail is the closed set of class and tail.  If it has an item that comes before
the tail and is not in the class's set, then it is also found below that item, and dropped
here.  So every closed set is visited once, and none has to be remembered.

Maximal sets are closed, and end a branch.  Where a class's set with all its tails is
frequent, that set ends the branch; in the end, and whenever twice as many are held as were left
the last time, those that are in others are left out.

Reference: Uno, Asai, Uchida and Arimura, LCM ver. 2, 2004, which extends closed sets and
merges rows in this way.
"""

from __future__ import annotations

import numpy as np

from hornbook.mining.search import bit_columns, bitsets
from hornbook.mining.search.closed_rows import Classes, join, merge, root_class
from hornbook.mining.search.collecting import Collector, SearchStopped
from hornbook.mining.search.item_rows import CODE_BITS, Rows, spell_out
from hornbook.mining.search.tail_pairs import Batch, by_child, children, count_pairs, cut

# More entries than this are no faster, only larger.
_ENTRIES = 1 << 18


def find_condensed(
    rows: Rows, total: int, minimum: int, maximal: bool, collector: Collector, entries: int
) -> None:
    """Finds every closed, or every maximal, frequent set.

    Args:
        rows: The one class of all baskets; see `Rows`.
        total: The number of baskets, by weight, with those that `rows` leaves out.
        minimum: The smallest count that is frequent.
        maximal: Only sets without a frequent superset.
        collector: Gets the sets.
        entries: Bound on the child rows held at a time, as in `projection.descend`.
    """
    number = len(rows.tails)
    if not number:
        return
    search = _Search(minimum, maximal, collector, min(entries, _ENTRIES))
    root = root_class(rows, total)
    if root.closed.any() and not (maximal and len(root.rows.tails)):
        search.add(root.closed, np.array([total]))
    search.start(root)
    if not search.held:
        return
    if maximal:
        search.leave_out_subsets()
        collector.announce(search.held)
    sets, counts = np.concatenate(search.sets, axis=1), np.concatenate(search.counts)
    sizes = bitsets.sizes_of(sets)
    for size in np.unique(sizes).tolist():
        some = np.flatnonzero(sizes == size)
        items = bitsets.items_of(sets.take(some, axis=1), size)
        collector.add(rows.tails.take(items), counts.take(some))


class _Search:
    """What stays the same all the way down, and the sets so far, as bits."""

    def __init__(self, minimum: int, maximal: bool, collector: Collector, entries: int):
        self.minimum, self.maximal, self.collector, self.entries = (
            minimum,
            maximal,
            collector,
            entries,
        )
        self.sets: list[np.ndarray] = []
        self.counts: list[np.ndarray] = []
        self.held = 0  # sets
        self.room = collector.limit  # sets that may be held before it is looked which are in others

    def add(self, sets: np.ndarray, counts: np.ndarray) -> None:
        if not len(counts):
            return
        if not self.maximal:
            self.collector.announce(len(counts))
        self.sets.append(sets)
        self.counts.append(counts)
        self.held += len(counts)
        if self.maximal and self.held > self.room:
            self.leave_out_subsets()

    def leave_out_subsets(self) -> None:
        """Keeps those of the sets so far that are in no other.

        Raises:
            SearchStopped: these are more than the limit.  A larger set that is found later
                could hold many of them, but nobody knows.
        """
        sets, counts = np.concatenate(self.sets, axis=1), np.concatenate(self.counts)
        kept = bitsets.without_subsets(sets, bitsets.sizes_of(sets))
        self.sets, self.counts = [sets.take(kept, axis=1)], [counts.take(kept)]
        self.held = len(kept)
        self.room = max(self.room, 2 * self.held)
        if self.held > self.collector.limit:
            raise SearchStopped

    def start(self, root: Classes) -> None:
        """Finds everything below the class of all baskets."""
        rows = root.rows
        if not len(rows.items):
            return
        if bit_columns.is_cheaper(len(rows.tails), rows.lengths):
            held = bit_columns.bit_columns(rows)
            counts = bit_columns.count_pairs(held, rows.weights)
            is_tail = np.triu(counts >= self.minimum, 1) & (counts < root.supports[:, None])
            if is_tail.sum(axis=1).max() <= CODE_BITS:
                self._first_step_by_columns(root, held, counts, is_tail)
                return
        self.descend(root)

    def _first_step_by_columns(
        self, root: Classes, held: np.ndarray, counts: np.ndarray, is_tail: np.ndarray
    ) -> None:
        """`descend` for the one class of all baskets, along the columns of dense data.

        Args:
            root: The class.
            held: `(tails, rows)` booleans, which rows hold which tail.
            counts: `(tails, tails)` above the diagonal, in how many baskets both are.
            is_tail: `(tails, tails)` booleans, which tails the class of each tail has.
        """
        baskets = [np.flatnonzero(column) for column in held]
        closed = np.array(
            [np.bitwise_and.reduce(root.common.take(some, axis=1), axis=1) for some in baskets]
        ).T
        is_new = ~bitsets.hold_smaller(closed & ~root.closed, root.rows.tails)
        self._add_found(root, closed, is_new, is_new & ~is_tail.any(axis=1))
        grown = np.flatnonzero(is_new & is_tail.any(axis=1))
        codes, weights, bits = [], [], []
        for tail in grown.tolist():
            code = bit_columns.codes_in(held, np.flatnonzero(is_tail[tail]), baskets[tail])
            filled = np.flatnonzero(code)
            code, some = code.take(filled), baskets[tail].take(filled)
            weight = root.rows.weights
            kept, weight, common = merge(
                code,
                np.zeros(len(code), np.int64),
                None if weight is None else weight.take(some),
                root.common.take(some, axis=1),
            )
            codes.append(code.take(kept))
            weights.append(weight)
            bits.append(common)
        if not codes:
            return
        items, lengths = spell_out(np.concatenate(codes))
        rows = Rows(
            items,
            lengths,
            np.repeat(np.arange(len(grown)), [len(code) for code in codes]),
            np.concatenate(weights),
            root.rows.tails.take(grown)[:, None],
            is_tail[grown].sum(axis=1),
            root.rows.tails.take(np.nonzero(is_tail[grown])[1]),
        )
        supports = counts[grown][is_tail[grown]]
        closed = closed.take(grown, axis=1)
        self._finish(Classes(rows, np.concatenate(bits, axis=1), closed, supports))

    def descend(self, classes: Classes) -> None:
        """Finds the closed set of every class and tail, and all below them."""
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
        kept = np.flatnonzero(is_new.take(child) & (behind > 0))
        order, behind, child, row = (each.take(kept) for each in (order, behind, child, row))
        is_leaf = is_new.copy()
        waiting: list[Classes] = []
        size = 0
        for batch in cut(rows, Batch(order, behind, child, row, 0, len(rows.tails))):
            made, grown = self._children(classes, closed, batch)
            is_leaf[grown] = False
            if made is not None:
                waiting.append(made)
                size += len(made.rows.items)
            if size > self.entries:
                self._finish(join(waiting))
                waiting, size = [], 0
        self._add_found(classes, closed, is_new, is_leaf)
        if waiting:
            self._finish(join(waiting))

    def _add_found(
        self, classes: Classes, closed: np.ndarray, is_new: np.ndarray, is_leaf: np.ndarray
    ) -> None:
        """Adds the closed sets of the tails that are met for the first time, or end a branch."""
        some = np.flatnonzero(is_leaf if self.maximal else is_new)
        self.add(closed.take(some, axis=1), classes.supports.take(some))

    def _children(
        self, classes: Classes, closed: np.ndarray, batch: Batch
    ) -> tuple[Classes | None, np.ndarray]:
        """The classes of a batch of children that have tails, and which children these are."""
        pairs = count_pairs(classes.rows, batch, self.minimum)
        # A tail that all baskets of the child hold is in its closed set.
        some = np.flatnonzero(pairs.counts < classes.supports.take(pairs.first))
        made = children(classes.rows, batch, pairs.take(some), least=1)
        if made is None:
            return None, np.empty(0, np.int64)
        rows, grown, entries = made
        common = classes.common.take(batch.rows.take(entries), axis=1)
        supports = pairs.counts.take(some).astype(np.int64)
        return Classes(rows, common, closed.take(grown, axis=1), supports), grown

    def _finish(self, classes: Classes) -> None:
        classes = classes.merged()
        if self.maximal:
            counts, sets = classes.with_all_tails()
            frequent = counts >= self.minimum
            ends = np.flatnonzero(frequent)
            self.add(sets.take(ends, axis=1), counts.take(ends))
            classes = classes.take(np.flatnonzero(~frequent))
        self.descend(classes)
