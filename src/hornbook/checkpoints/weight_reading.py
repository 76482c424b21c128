"""Reads the values of a model's variables from a checkpoint, using a weight table."""

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

# training state in a checkpoint, and buffers that are computed again
LEFTOVERS = (
    r"/(Adam|Adam_1|adam_[mv]|lamb_[mv]|adafactor_(v|vr|vc)|Momentum)$",
    r"^(global_step|beta[12]_power)$",
    r"^(_CHECKPOINTABLE_OBJECT_GRAPH$|save_counter/|optimizer/)",
    r"(^|\.)(position_ids|inv_freq|num_batches_tracked)$",
    r"\.attn\.(masked_)?bias$",
)
_MAXIMUM_LINES = 60  # of a message


class Variable(Protocol):
    """A Keras variable, or anything like it."""

    @property
    def shape(self) -> Any: ...

    def assign(self, value: Any) -> Any: ...


class RowChoice(Protocol):
    """A selection of rows, such as `VocabularyRows`."""

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]: ...

    def __call__(self, table: np.ndarray) -> np.ndarray: ...


def read_weights(
    table: Table, variables: Mapping[str, Variable], checkpoint: Checkpoint, **options: Any
) -> None:
    """Assigns every variable its value from the checkpoint.

    All names and shapes are compared first, then the checksums of all needed tensors are
    verified; only then is the first value assigned.  One tensor is in memory at a time.
    Arguments and errors are those of `weight_values`.
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
    """Returns a function per variable that reads its value, after checking names and shapes.

    Args:
        table: Our paths and the checkpoint's names, see `weight_table`.
        variables: Our path to variable, of which only the shape and the type are used.
        checkpoint: The source of the values.
        model: Name of the family, for messages.
        ignore: Regular expressions, searched for in the names of tensors without a row in the
            table: those that match are ignored (see `LEFTOVERS`), like those of absent rows.
        allowed_missing: Regular expressions, searched for in our paths: variables that match
            are left out if the checkpoint does not have them.
        rows: Our path to a selection of rows, applied before the shapes are compared.
        prefixes: Prefixes that the checkpoint's names may have or lack, compared with the
            table: `"bert."`.
        blocks: Indices of the checkpoint's blocks to read; it may have others.  Defaults to
            all.
        verify: Whether checksums are verified before the first value is read; each value is
            verified again when it is read.

    Raises:
        CheckpointError: naming everything that is missing, unexpected, or of another shape;
            or all that is damaged.
        ValueError: the table itself is wrong.
    """
    plan = _ReadingPlan(table, variables, checkpoint, rows or {}, prefixes)
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


class _ReadingPlan:
    """The tensor to read for each variable, and all problems."""

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
        existing = set(self.checkpoint.names())
        known: set[str] = set()
        rows = rows_for(self.table, self.variables)
        for row in rows:
            candidates = [
                (foreign, name)
                for foreign in row.foreign
                for name in self._spellings(foreign.name)
                if name in existing
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
        for name in sorted(existing - known):
            if not found_in(name, ignore) and not any(
                absent.fullmatch(spelling) for spelling in self._spellings(name)
            ):
                self.problems.append(("unexpected", name))

    def value(self, row: Row, foreign: Foreign, source: str, path: str) -> np.ndarray:
        """Reads the value of the variable at `path`, which may be one of several in `row`."""
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
        """Returns the name, and the name with each prefix added or removed."""
        longer = [prefix + name for prefix in self.prefixes]
        shorter = [name.removeprefix(p) for p in self.prefixes if p and name.startswith(p)]
        return [name, *longer, *shorter]

    def _find_unnamed(self, rows: list[Row], allowed_missing: list[str]) -> None:
        named = {path for row in rows for path in row.ours}
        for path in self.variables:
            if path not in named and not found_in(path, allowed_missing):
                self.problems.append(("unnamed", f"{path}: the weight table has no row for it"))

    def _compare_shapes(self, row: Row, foreign: Foreign, source: str) -> None:
        shape = tuple(self.checkpoint.shape(source))
        if self.checkpoint.dtype(source).hasobject:
            self.problems.append(("type", f"{source}: it holds no numbers"))
            return
        choice = self.rows.get(row.ours[0])
        if len(row.ours) > 1 and any(path in self.rows for path in row.ours):
            raise ValueError(f"rows of {row.ours} cannot be selected: they are stored side by side")
        expected = foreign.exchanged_shape(row.shape(self.variables))
        suffix = ""
        if choice is not None and len(shape) == len(expected):
            try:
                shape = foreign.exchanged_shape(choice.shape(foreign.exchanged_shape(shape)))
                suffix = " after selecting rows"
            except ValueError as error:
                self.problems.append(("rows", f"{source}: {error}"))
                return
        if shape != expected:
            line = f"{source}: expected {expected}, found {shape}{suffix}"
            self.problems.append(("shape", line))


def _as_type_of(variable: Any, array: np.ndarray) -> np.ndarray:
    dtype = numpy_dtype(str(getattr(variable, "dtype", array.dtype)))
    return array.astype(dtype, copy=False)


def _message(model: str | None, problems: list[tuple[str, str]]) -> str:
    width = max(len("missing  "), *(len(kind) for kind, _ in problems))
    lines = [f"  {kind:<{width}} {line}" for kind, line in problems]
    if len(lines) > _MAXIMUM_LINES:
        lines[_MAXIMUM_LINES:] = [f"  ... and {len(lines) - _MAXIMUM_LINES} more"]
    owner = repr(model) if model else "the model"
    return (
        f"{len(problems)} of the tensors {owner} needs do not fit:\n"
        + "\n".join(lines)
        + "\nCheck that config.json belongs to this checkpoint and names the right family."
    )
