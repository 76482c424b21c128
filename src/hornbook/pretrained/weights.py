"""The weights of a Transformer <-> a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.checkpoints import (
    LEFTOVERS,
    ArraysCheckpoint,
    Checkpoint,
    VocabularyRows,
    weight_values,
)
from hornbook.errors import CheckpointError, HornbookError

OWN = "hornbook."  # before the names of weights that no other layout knows


def read_model(
    transformer: Any,
    checkpoint: Checkpoint,
    *,
    others: Mapping[str, Any] | None = None,
    rows: Mapping[str, VocabularyRows] | None = None,
) -> None:
    """Gives a Transformer, and other layers beside it, the weights of a checkpoint.

    Args:
        transformer: Built, or not: then each weight is made with its value, and the memory
            is never needed twice.
        checkpoint: From `open_folder` or `find_checkpoint`.
        others: Name -> layer that hornbook saved with the Transformer.
        rows: See `VocabularyRows`.

    Raises:
        CheckpointError: naming everything that does not fit; nothing is changed then.
    """
    import keras

    if transformer.built:
        variables = all_variables(transformer, others)
        for path, value in _values(transformer, variables, checkpoint, rows).items():
            variables[path].assign(value())
        return
    failures: list[Exception] = []
    with keras.StatelessScope():  # in here Keras puts off making values until the block ends
        transformer.build()
        variables = all_variables(transformer, others)
        values = _values(transformer, variables, checkpoint, rows)
        built = {path for path in values if variables[path]._value is not None}  # of the others
        for path in values.keys() - built:
            variables[path]._initializer = _initializer(values[path], failures)
    if failures:
        raise failures[0]
    for path in built:
        variables[path].assign(values[path]())


def _values(
    transformer: Any, variables: dict[str, Any], checkpoint: Checkpoint, rows: Any
) -> dict[str, Callable[[], np.ndarray]]:
    """For every variable a function that reads its value; everything is checked already."""
    from hornbook.models.families import family_named

    family = family_named(transformer.config.family)
    layout = checkpoint.layout
    prefix = family.optional_prefix.get(layout, "")
    return weight_values(
        with_own_rows(family.weights.get(layout, {}), variables),
        variables,
        checkpoint,
        model=family.name,
        rows=rows,
        prefixes=[prefix] if prefix else [],
        ignore=[*LEFTOVERS, *family.ignore.get(layout, ()), rf"^{OWN}"],
        # the kernels of a condition start at zero, which changes nothing
        allowed_missing=[r"(gamma|beta)_kernel$"],
    )


def _initializer(value: Callable[[], np.ndarray], failures: list[Exception]):
    """`value` as Keras wants it.  An error inside would leave Keras with half of its variables
    made, so it is kept for later."""

    def initialize(shape, dtype):
        try:
            return value()
        except (HornbookError, OSError) as error:
            failures.append(error)
            return np.zeros(shape, "float32")

    return initialize


def all_variables(transformer: Any, others: Mapping[str, Any] | None) -> dict[str, Any]:
    from hornbook.models.variables import named_variables

    variables = named_variables(transformer)
    for name, layer in (others or {}).items():
        variables |= {f"{name}.{path}": v for path, v in named_variables(layer).items()}
    return variables


def with_own_rows(table: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The table, and a row for each variable it does not have (conditions, other layers)."""
    from hornbook.checkpoints.weight_table import rows_for

    named = {path for row in rows_for(table, variables) for path in row.ours}
    return {**table, **{path: OWN + path for path in variables if path not in named}}


def unbuilt(config: Any, policy: str = "float32") -> Any:
    """A Transformer whose weights are about to be read.

    Drawing random values for them would take longer than the reading.
    """
    from hornbook.models.building import make_model

    transformer = make_model(config.replace(initializer_range=0), dtype=policy)
    transformer.config = config
    return transformer


def keras_checkpoint(file: Path, config: Any) -> Checkpoint:
    """Keras's weight file as a checkpoint under our own names.

    Keras reads a file only into the model it was saved from, and leaves that half-changed
    when the file does not fit, so it gets one of its own.
    """
    from hornbook.models.variables import named_variables

    transformer = unbuilt(config)
    transformer.build()
    try:
        functional(transformer).load_weights(file)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{file} does not fit its configuration: {error}") from None
    arrays = {OWN + path: _to_numpy(v) for path, v in named_variables(transformer).items()}
    return ArraysCheckpoint(arrays, layout="keras")


def functional(transformer: Any):
    """A Keras model around the layer, because only models have `save_weights`."""
    import keras

    ids = keras.Input((None,), dtype="int32")
    options = {}
    inputs = [ids]
    if transformer.config.condition_size is not None:
        options["condition"] = keras.Input((transformer.config.condition_size,))
        inputs.append(options["condition"])
    if transformer.config.application == "prefix_lm":
        options["segment_ids"] = keras.Input((None,), dtype="int32")
        inputs.append(options["segment_ids"])
    return keras.Model(inputs, transformer(ids, **options))


def _to_numpy(variable: Any) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(variable.value)
