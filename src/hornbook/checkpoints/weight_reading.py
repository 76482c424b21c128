"""Giving a model's variables the values of a checkpoint, through a weight table."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from hornbook.checkpoints.checkpoint import Checkpoint
from hornbook.checkpoints.dtypes import numpy_dtype
from hornbook.checkpoints.weight_table import (
    Foreign,
    Row,
    Table,
    found_in,
    names_of_absent_rows,
    rows_for,
)
from hornbook.errors import CheckpointError

# What training leaves in a checkpoint besides weights, and buffers that are computed anew.
LEFTOVERS = (
    r"/(Adam|Adam_1|adam_[mv]|lamb_[mv]|adafactor_(v|vr|vc)|Momentum)$",
    r"^(global_step|beta[12]_power)$",
    r"^(_CHECKPOINTABLE_OBJECT_GRAPH$|save_counter/|optimizer/)",
    r"(^|\.)(position_ids|inv_freq|num_batches_tracked)$",
    r"\.attn\.(masked_)?bias$",
)
_MOST_LINES = 60


class Variable(Protocol):
    """What is needed of a variable: a Keras variable, or anything like it."""

    @property
    def shape(self) -> Any: ...

    def assign(self, value: Any) -> Any: ...


class RowChoice(Protocol):
    """A choice of rows made on the way, such as `VocabularyRows`."""

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]: ...

    def __call__(self, table: np.ndarray) -> np.ndarray: ...


def read_weights(
    table: Table, variables: Mapping[str, Variable], checkpoint: Checkpoint, **options: Any
) -> None:
    """Gives every variable its value from the checkpoint.

    Names and shapes are all compared first, then the checksums of every tensor needed are
    verified in a pass of their own; only then is the first value assigned.  One tensor is in
    memory at a time.  Arguments and errors are those of `weight_values`.
    """
    for path, value in weight_values(table, variables, checkpoint, **options).items():
        variables[path].assign(value())


def weight_values(
    table: Table,
    variables: Mapping[str, Any],
    checkpoint: Checkpoint,
    *,
    model: str | None = None,
    ignore: Iterable[str] = (),
    allowed_missing: Iterable[str] = (),
    rows: Mapping[str, RowChoice] | None = None,
    prefixes: Sequence[str] = (),
    blocks: Sequence[int] | None = None,
    verify: bool = True,
) -> dict[str, Callable[[], np.ndarray]]:
    """For every variable a function that reads its value; all that can be checked is checked.

    Args:
        table: Our paths and the checkpoint's names, see `weight_table`.
        variables: Our path to variable, of which only the shape and the type are used.
        checkpoint: Where the values come from.
        model: The family's name, for messages.
        ignore: Regular expressions, searched for in the names of tensors that no row names:
            those found may be there (see `LEFTOVERS`).  What absent rows name always may.
        allowed_missing: Regular expressions, searched for in our paths: those found are left
            out when the checkpoint has none.
        rows: Our path to a choice of rows, made before the shapes are compared.
        prefixes: Beginnings that a name in the checkpoint may have or lack, against the
            table: `"bert."`.
        blocks: Numbers of the checkpoint's blocks that are wanted; it may have others.  None
            when it may not.
        verify: Whether checksums are verified before the first value is read; each value is
            verified again when it is.

    Raises:
        CheckpointError: naming everything that is missing, unexpected, or of another shape;
            or all that is damaged.
        ValueError: the table itself is wrong.
    """
    plan = _Plan(table, variables, checkpoint, rows or {}, prefixes)
    plan.compare(list(ignore), list(allowed_missing), blocks)
    if plan.problems:
        raise CheckpointError(_message(model, plan.problems))
    if verify:
        checkpoint.verify(sorted({source for _, _, source in plan.steps}))
    return {
        path: functools.partial(plan.value, row, foreign, source, path)
        for row, foreign, source in plan.steps
        for path in row.ours
    }


class _Plan:
    """What to read for which variables, and all that stands against it."""

    def __init__(
        self,
        table: Table,
        variables: Mapping[str, Variable],
        checkpoint: Checkpoint,
        rows: Mapping[str, RowChoice],
        prefixes: Sequence[str],
    ):
        self.table = table
        self.variables = variables
        self.checkpoint = checkpoint
        self.rows = rows
        self.prefixes = prefixes
        self.steps: list[tuple[Row, Foreign, str]] = []
        self.problems: list[tuple[str, str]] = []

    def compare(
        self, ignore: list[str], allowed_missing: list[str], blocks: Sequence[int] | None
    ) -> None:
        """Fills `steps` and `problems` from names and shapes alone."""
        there = set(self.checkpoint.names())
        known: set[str] = set()
        rows = rows_for(self.table, self.variables)
        for row in rows:
            candidates = [
                (foreign, name)
                for foreign in row.foreign
                for name in self._spellings(foreign.name)
                if name in there
            ]
            known.update(name for _, name in candidates)
            if candidates:
                foreign, source = candidates[0]
                self.steps.append((row, foreign, source))
                self._compare_shapes(row, foreign, source)
            elif not all(found_in(path, allowed_missing) for path in row.ours):
                self.problems.append(("missing", row.foreign[0].name))
        self._find_unnamed(rows, allowed_missing)
        absent = names_of_absent_rows(self.table, self.variables, blocks=blocks)
        for name in sorted(there - known):
            if not found_in(name, ignore) and not any(
                absent.fullmatch(spelling) for spelling in self._spellings(name)
            ):
                self.problems.append(("unexpected", name))

    def value(self, row: Row, foreign: Foreign, source: str, path: str) -> np.ndarray:
        """Reads what belongs to the variable at `path`, which may be one of several in `row`."""
        value = foreign.exchange(self.checkpoint.read(source))
        begin = 0
        for other in row.ours:
            if other == path:
                break
            begin += self.variables[other].shape[-1]
        if len(row.ours) > 1:
            value = value[..., begin : begin + self.variables[path].shape[-1]]
        if path in self.rows:
            value = self.rows[path](value)
        return _as_type_of(self.variables[path], value)

    def _spellings(self, name: str) -> list[str]:
        """The name, and with each prefix put before it or taken away."""
        longer = [prefix + name for prefix in self.prefixes]
        shorter = [name.removeprefix(p) for p in self.prefixes if p and name.startswith(p)]
        return [name, *longer, *shorter]

    def _find_unnamed(self, rows: list[Row], allowed_missing: list[str]) -> None:
        named = {path for row in rows for path in row.ours}
        for path in self.variables:
            if path not in named and not found_in(path, allowed_missing):
                self.problems.append(("unnamed", f"{path}: the weight table has no row for it"))

    def _compare_shapes(self, row: Row, foreign: Foreign, source: str) -> None:
        found = tuple(self.checkpoint.shape(source))
        if self.checkpoint.dtype(source).hasobject:
            self.problems.append(("type", f"{source}: it holds no numbers"))
            return
        choice = self.rows.get(row.ours[0])
        if len(row.ours) > 1 and any(path in self.rows for path in row.ours):
            raise ValueError(f"rows cannot be chosen of {row.ours}, which stand side by side")
        expected = foreign.exchanged_shape(row.shape(self.variables))
        after = ""
        chosen = found
        if choice is not None and len(found) == len(expected):
            try:
                chosen = foreign.exchanged_shape(choice.shape(foreign.exchanged_shape(found)))
                after = " after choosing rows"
            except ValueError as error:
                self.problems.append(("rows", f"{source}: {error}"))
                return
        if chosen != expected:
            line = f"{source}: expected {expected}, found {chosen}{after}"
            self.problems.append(("shape", line))


def _as_type_of(variable: Any, array: np.ndarray) -> np.ndarray:
    dtype = numpy_dtype(str(getattr(variable, "dtype", array.dtype)))
    return array.astype(dtype, copy=False)


def _message(model: str | None, problems: list[tuple[str, str]]) -> str:
    width = max(len("missing  "), *(len(kind) for kind, _ in problems))
    lines = [f"  {kind:<{width}} {line}" for kind, line in problems]
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"  ... and {len(lines) - _MOST_LINES} more"]
    whose = repr(model) if model else "the model"
    return (
        f"{len(problems)} of the tensors {whose} needs do not fit:\n"
        + "\n".join(lines)
        + "\nCheck that config.json belongs to this checkpoint and names the right family."
    )
