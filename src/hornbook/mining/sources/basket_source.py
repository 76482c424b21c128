"""Sources of baskets: memory, a file that is mined in parts, or Apache Spark.

A source answers a `Question` with the frequent itemsets of its baskets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hornbook.errors import OptionError
from hornbook.mining.condensed import condense
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.large.file_parts import MixedParts, fits, parts_of
from hornbook.mining.large.out_of_core import mine_parts
from hornbook.mining.sources.memory_source import MemorySource, as_baskets, weighted
from hornbook.mining.sources.question import Question


@dataclass
class FilePartsSource:
    """A file that does not fit into memory, mined in parts.

    Attributes:
        path: The file.
        columns: Options for reading it; see `read_baskets`.
    """

    path: str | Path
    columns: Mapping[str, Any] = field(default_factory=dict)

    def mine(self, question: Question) -> Itemsets:
        """Returns the frequent itemsets of the file, found in two passes; see `out_of_core`."""
        notes: list[str] = []
        with parts_of(self.path, question.memory, notes=notes, **self.columns) as parts:
            try:
                itemsets = mine_parts(parts, question, notes)
            except MixedParts:
                itemsets = mine_parts(parts, question, notes)
        return replace(condense(itemsets, question.kind), notes=notes)


@dataclass
class SparkSource:
    """A Spark table, or a file that Spark reads.

    Attributes:
        table: The table, or the path of the file.
        columns: Options for reading it; see `mine_spark` and `mine_file_on_spark`.
    """

    table: Any
    columns: Mapping[str, Any] = field(default_factory=dict)

    def mine(self, question: Question) -> Itemsets:
        """Returns the frequent itemsets of the table, mined a partition at a time."""
        from hornbook.mining.large.spark import mine_file_on_spark, mine_spark

        mine = mine_file_on_spark if isinstance(self.table, str) else mine_spark
        return condense(mine(self.table, question, **self.columns), question.kind)


def source_of(
    baskets: Any, memory: int, *, weights: Any = None, spark: bool = False, **columns: Any
) -> MemorySource | FilePartsSource | SparkSource:
    """Returns the source of some baskets; whatever fits into memory is read here.

    Args:
        baskets: See `frequent_itemsets`.
        memory: Maximum bytes for a file and everything computed from it.
        weights: `(baskets,)`, how often each basket counts.  Defaults to once each.
        spark: Whether Spark reads the file.
        **columns: Options for reading it; see `frequent_itemsets`.

    Raises:
        OptionError: weights for baskets that are not all in memory.
        DataError: the baskets cannot be read.
    """
    is_path = isinstance(baskets, str | Path)
    if _is_spark(baskets) or spark:
        _refuse_weights(weights, "a Spark table")
        return SparkSource(str(baskets) if is_path else baskets, columns)
    if is_path and not fits(baskets, memory):
        _refuse_weights(weights, f"{baskets}, which does not fit into {memory:,} bytes")
        return FilePartsSource(baskets, columns)
    baskets = as_baskets(baskets, **columns)
    return MemorySource(baskets if weights is None else weighted(baskets, weights))


def _is_spark(value: Any) -> bool:
    """Whether `value` is a Spark table, without importing Spark."""
    return type(value).__module__.startswith("pyspark.")


def _refuse_weights(weights: Any, of: str) -> None:
    """Raises OptionError for weights of baskets that are not all in memory."""
    if weights is not None:
        raise OptionError(f"Weights cannot be used with {of}: it is mined in parts.")
