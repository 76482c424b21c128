"""GPLinker for events: arguments, and links between the heads and tails of arguments of an event.

For the units of a text there are three kinds of tables of pairs.  One per event type and role, the
trigger being a role: the first and the last unit of an argument.  One per event type for heads: the
first units of any two arguments of one event.  One per event type for tails: the last units.  Two
arguments are linked where the cells of their heads and of their tails are above 0; what is linked
is joined to events by `event_links`.

In the post the two tables of links are shared by all event types.  With tables of its own a type is
not confused by the links of another (docs/LOG.md).

Reference: https://kexue.fm/archives/8926
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from hornbook.recipes.events.event_links import Graph, ordered
from hornbook.recipes.events.unit_events import UnitArgument, UnitEvent
from hornbook.recipes.spans.pair_tables import CELLS, loss_of_tables, positive_cells, table_loss


class EventLinker:
    """Scores pairs of units; see the module.

    Args:
        roles: The roles of each event type.
    """

    def __init__(self, roles: Mapping[str, Sequence[str]]):
        self.types = list(roles)
        self.roles = [(kind, role) for kind in roles for role in roles[kind]]
        self.index = {role: number for number, role in enumerate(self.roles)}
        # the tables: of each role, of the heads of each type, of the tails of each type
        self.heads = {kind: len(self.roles) + number for number, kind in enumerate(self.types)}
        self.tails = {kind: number + len(self.types) for kind, number in self.heads.items()}
        self.num_tables = len(self.roles) + 2 * len(self.types)
        self.max_pairs = CELLS // self.num_tables

    def build(self, features: Any, unit_mask: Any) -> tuple[Any, dict[str, Any]]:
        """Returns tables `(batch, tables, units, units)` of features `(batch, units, hidden_size)`,
        and layers to save."""
        import keras

        from hornbook.layers import EfficientGlobalPointer

        size = len(self.types)
        pointers = {
            "arguments": EfficientGlobalPointer(len(self.roles), name="arguments"),
            # at any distance
            "heads": EfficientGlobalPointer(size, rotary=False, name="heads"),
            "tails": EfficientGlobalPointer(size, rotary=False, name="tails"),
        }
        tables = [pointer(features, padding_mask=unit_mask) for pointer in pointers.values()]
        return keras.layers.Concatenate(axis=1, dtype="float32")(tables), pointers

    def loss(self) -> Any:
        """Returns the loss, a `keras.losses.Loss`."""
        return table_loss()

    def label_array(self, labels: Sequence[Collection[UnitEvent]], length: int) -> np.ndarray:
        """Makes the array of the labels of windows of `length` units, `(windows, tables, length,
        length)`; what the model does not know is left out."""
        array = np.zeros((len(labels), self.num_tables, length, length), bool)
        for tables, events in zip(array, labels, strict=True):
            for kind, arguments in events:
                known = [one for one in arguments if (kind, one.role) in self.index]
                for role, first, last in known:
                    tables[self.index[kind, role], first, last] = True
                for a, b in combinations(known, 2):
                    tables[self.heads[kind]][ordered(a.first, b.first)] = True
                    tables[self.tails[kind]][ordered(a.last, b.last)] = True
        return array

    def graphs(self, tables: np.ndarray) -> dict[str, Graph]:
        """Returns the arguments of a window and their links, by event type; see `positive_cells`.

        Args:
            tables: `(tables, units, units)`.
        """
        graphs = {kind: Graph({}, {}) for kind in self.types}
        for number, first, last in positive_cells(tables[: len(self.roles)]).tolist():
            kind, role = self.roles[number]
            graphs[kind].arguments[UnitArgument(role, first, last)] = float(
                tables[number, first, last]
            )
        for kind, (arguments, links) in graphs.items():
            heads, tails = tables[self.heads[kind]], tables[self.tails[kind]]
            for a, b in combinations(sorted(arguments), 2):
                scores = heads[ordered(a.first, b.first)], tails[ordered(a.last, b.last)]
                links[a, b] = float(min(scores))
        return graphs

    def loss_of(self, labels: Collection[UnitEvent] | None, tables: np.ndarray) -> float:
        """Returns the loss of a window, as `loss` does; NaN without labels."""
        if labels is None:
            return float("nan")
        [gold] = self.label_array([labels], tables.shape[-1])
        return loss_of_tables(gold, tables, np.triu(np.ones_like(gold)))
