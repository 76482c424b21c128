"""The weights of a Transformer <-> a checkpoint."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.checkpoints import (
    LEFTOVERS,
    ArraysCheckpoint,
    Checkpoint,
    numpy_dtype,
    weight_values,
)
from hornbook.errors import CheckpointError, HornbookError
from hornbook.files import atomic_file
from hornbook.models.configuration.checkpoint_sizes import check_keras_sizes
from hornbook.pretrained.opening.adapting import reset_lora, without_lora
from hornbook.pretrained.opening.chosen_heads import OWN, unused_names
from hornbook.pretrained.opening.selection import Selection
from hornbook.pretrained.opening.tied_head import table_for_reading
from hornbook.pretrained.transformer_protocol import TransformerModel

if TYPE_CHECKING:
    import keras

    from hornbook.models.configuration.transformer_config import TransformerConfig
    from hornbook.models.family import Family


def read_model(
    transformer: TransformerModel,
    checkpoint: Checkpoint,
    *,
    others: Mapping[str, Any] | None = None,
    selection: Selection | None = None,
) -> None:
    """Reads the weights of a checkpoint into a Transformer, and into other layers.

    Args:
        transformer: Built, or not: then each weight is created with its value, so weights are
            never in memory twice.
        checkpoint: From `open_folder` or `find_checkpoint`.
        others: Name -> layer that hornbook saved with the Transformer.
        selection: The part of the checkpoint to read.  Defaults to all of it.

    Raises:
        CheckpointError: listing everything that does not fit; nothing is changed then.
    """
    import keras

    selection = selection or Selection()
    if transformer.built:
        variables = all_variables(transformer, others, readable_variables)
        for path, value in _values(transformer, variables, checkpoint, selection).items():
            variables[path].assign(value())
        reset_lora(variables)
        return
    failures: list[Exception] = []
    with keras.StatelessScope():  # Keras creates values when the block ends
        transformer.build()
        variables = all_variables(transformer, others, readable_variables)
        try:
            # damage is noticed while reading, which is early enough for a new model
            values = _values(transformer, variables, checkpoint, selection, verify=False)
        except CheckpointError:
            _skip_values(variables)
            raise
        built = {path for path in values if _has_value(variables[path])}  # of the others
        for path in values.keys() - built:
            _initialize_with(variables[path], _keeping_failures(values[path], failures))
    if failures:
        checkpoint.verify()  # names all damaged tensors
        raise failures[0]
    for path, array in {path: values[path]() for path in built}.items():
        variables[path].assign(array)


def _values(
    transformer: TransformerModel,
    variables: dict[str, Any],
    checkpoint: Checkpoint,
    selection: Selection,
    *,
    verify: bool = True,
) -> dict[str, Callable[[], np.ndarray]]:
    """Returns a function that reads the value of each variable; checks names and shapes."""
    from hornbook.models.families import family_named

    family = family_named(transformer.config.family)
    layout = checkpoint.layout
    prefix = family.optional_prefix.get(layout, "")
    ours = {
        selection.path_in_checkpoint(path, transformer.config): path
        for path in without_lora(variables)
    }
    targets = {path: variables[own] for path, own in ours.items()}
    table = table_for_reading(family.table(layout, transformer.config), family, checkpoint)
    values = weight_values(
        with_own_rows(table, targets),
        targets,
        checkpoint,
        model=family.name,
        rows=selection.rows(targets),
        blocks=selection.blocks,
        verify=verify,
        prefixes=[prefix] if prefix else [],
        ignore=[*LEFTOVERS, *family.ignore.get(layout, ()), *_ignored_names(family, checkpoint)],
        # the last kernels of a condition, and a convolution of values, start at zero and have no
        # effect
        allowed_missing=[r"(gamma|beta|hidden)_kernel$", r"\.value_convolution$", *family.optional],
    )
    return {ours[path]: value for path, value in values.items()}


def _ignored_names(family: Family, checkpoint: Checkpoint) -> list[str]:
    """Returns patterns of names that a model may leave unused; `open_folder` reports them."""
    copy = family.head_table.get(checkpoint.layout)  # equal to the token embedding
    names = [*unused_names(checkpoint), *([copy] if copy else [])]
    return [rf"^{OWN}", *(rf"^{re.escape(name)}$" for name in names)]


def readable_variables(layer: Any) -> dict[str, Any]:
    """Returns the weights of a layer by path.

    A quantized matrix has the path and the shape of the floats that it is read from.
    """
    from hornbook.layers.matrices.frozen import FrozenMatrix
    from hornbook.models.variables import named_layers, named_variables

    variables: dict[str, Any] = named_variables(layer)
    for path, matrix in named_layers(layer).items():
        if isinstance(matrix, FrozenMatrix):
            for part in matrix.variables:
                del variables[f"{path}.{part.name}"]
            name = "kernel" if matrix.transposed else "embeddings"
            variables[path.removesuffix("matrix") + name] = matrix
    return variables


def _has_value(variable: Any) -> bool:
    return getattr(variable, "numbers", [variable])[0]._value is not None


def _skip_values(variables: Mapping[str, Any]) -> None:
    """Keeps Keras from creating values of a model that does not fit: it could be of any size."""
    for variable in variables.values():
        for part in getattr(variable, "numbers", [variable]):  # a quantized matrix has several
            if part._value is None:
                part._initializer = lambda shape, dtype=None: np.zeros((), numpy_dtype(dtype))


def _initialize_with(variable: Any, value: Callable[[tuple[int, ...], Any], np.ndarray]) -> None:
    """Makes `value`, a function of shape and type, the initializer of a variable."""
    if hasattr(variable, "numbers"):
        variable.read(lambda: value(variable.shape, "float32"))
    else:
        variable._initializer = value


def _keeping_failures(
    value: Callable[[], np.ndarray], failures: list[Exception]
) -> Callable[[tuple[int, ...], Any], np.ndarray]:
    """Wraps `value` as an initializer that collects errors.

    An error inside would leave Keras with half of its variables.
    """

    def initialize(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        try:
            return value()
        except (HornbookError, OSError) as error:
            failures.append(error)
            return np.zeros(shape, numpy_dtype(dtype))

    return initialize


def all_variables(
    transformer: TransformerModel,
    others: Mapping[str, Any] | None,
    named: Callable[[Any], dict[str, Any]],
) -> dict[str, Any]:
    """Returns the variables of a Transformer and of other layers, as `named` lists them."""
    variables = named(transformer)
    for name, layer in (others or {}).items():
        variables |= {f"{name}.{path}": variable for path, variable in named(layer).items()}
    return variables


def with_own_rows(table: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Adds a row for each variable that the table does not name (conditions, other layers)."""
    from hornbook.checkpoints.weight_table import rows_for

    named = {path for row in rows_for(table, variables) for path in row.ours}
    return {**table, **{path: OWN + path for path in variables if path not in named}}


def unbuilt(config: TransformerConfig, policy: Any = "float32", name: str | None = None) -> Any:
    """Returns a Transformer whose weights are about to be read.

    Initializing them randomly would take longer than reading.
    """
    from hornbook.models.building import make_model

    options = {} if name is None else {"name": name}
    transformer = make_model(config.replace(initializer_range=0), dtype=policy, **options)
    transformer.config = config
    if name is not None:  # heads are called in the user's graph, where names must be unique
        for layer in (getattr(transformer, head) for head in config.heads):
            if layer is not None:
                layer.name = f"{name}_{layer.name}"
    return transformer


def keras_checkpoint(file: Path, config: TransformerConfig) -> Checkpoint:
    """Reads Keras's weight file as a checkpoint under our own names.

    Keras reads a file only into the model it was saved from, and leaves that half changed if the
    file does not fit, so a separate model is used.
    """
    from hornbook.models.variables import named_variables

    check_keras_file(file, config)
    transformer = unbuilt(config)
    transformer.build()
    try:
        functional(transformer).load_weights(file)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{file} does not fit its configuration: {error}") from None
    arrays = {OWN + path: _to_numpy(v) for path, v in named_variables(transformer).items()}
    return ArraysCheckpoint(arrays, layout="keras")


class _Memory(io.BytesIO):
    """A file in memory, with a name that Keras accepts."""

    def __str__(self) -> str:
        return "memory.weights.h5"


def write_keras_weights(file: Path, transformer: TransformerModel) -> None:
    """Writes Keras's weight file through memory, because HDF5 crashes Python on a full disk."""
    memory = _Memory()
    functional(transformer).save_weights(memory)
    with atomic_file(file) as out:
        out.write(memory.getbuffer())


def check_keras_file(file: Path, config: TransformerConfig) -> None:
    """Checks that Keras's weight file matches its configuration.

    Raises:
        CheckpointError: it does not, or it is damaged.
    """
    import h5py

    shapes: dict[str, tuple[int, ...]] = {}

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            shapes[name] = tuple(item.shape)

    try:
        with h5py.File(file) as opened:
            opened.visititems(add)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{file} does not fit its configuration: {error}") from None
    check_keras_sizes(config, shapes, file)


def functional(transformer: TransformerModel) -> keras.Model:
    """Returns a Keras model around the layer, because only models have `save_weights`."""
    import keras

    ids = keras.Input((None,), dtype="int32")
    options = {}
    inputs = [ids]
    if transformer.config.condition_size is not None:
        options["condition"] = keras.Input((transformer.config.condition_size,))
        inputs.append(options["condition"])
    if transformer.config.application == "seq2seq":
        options["decoder_token_ids"] = keras.Input((None,), dtype="int32")
        inputs.append(options["decoder_token_ids"])
    if transformer.config.application == "prefix_lm":
        options["segment_ids"] = keras.Input((None,), dtype="int32")
        inputs.append(options["segment_ids"])
    return keras.Model(inputs, transformer(ids, **options))


def _to_numpy(variable: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(variable.value))
