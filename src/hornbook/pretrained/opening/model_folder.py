"""A model folder: configuration, weights, and vocabulary."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import backend
from hornbook.checkpoints import (
    SHARD_SIZE,
    Checkpoint,
    find_checkpoint,
    refuse_quantized,
    write_shards,
    write_tensor_bundle,
    write_weights,
)
from hornbook.errors import CheckpointError, OptionError, did_you_mean
from hornbook.files import bounded_text, verify_manifest, write_json
from hornbook.models.configuration.checkpoint_sizes import check_sizes
from hornbook.pretrained.opening.adapting import merged_variables
from hornbook.pretrained.opening.chosen_heads import heads_in, name_unused, number_of_labels
from hornbook.pretrained.opening.selected_tokenizer import selected_tokenizer
from hornbook.pretrained.opening.selection import Selection
from hornbook.pretrained.opening.sources.bert4keras_model import (
    Weights,
    with_facts_of_weights,
)
from hornbook.pretrained.opening.sources.location import KERAS_WEIGHTS, Location, locate
from hornbook.pretrained.opening.tied_head import as_the_file_ties, with_copies
from hornbook.pretrained.opening.unwrapping import without_wrapper
from hornbook.pretrained.opening.weights import (
    all_variables,
    keras_checkpoint,
    unbuilt,
    with_own_rows,
    write_keras_weights,
)
from hornbook.pretrained.transformer_protocol import TransformerModel
from hornbook.text.tokenizer import Tokenizer
from hornbook.text.tokenizer_folder import tokenizer_from_folder

if TYPE_CHECKING:
    from hornbook.models.configuration.transformer_config import TransformerConfig
    from hornbook.models.family import Family

LAYOUTS = ("huggingface", "google", "keras")
CONFIG_NAMES = ("config.json", "bert_config.json")
_SHOWN = 5  # tokens per message


def open_folder(
    folder: str | Path,
    *,
    config_path: str | Path | None = None,
    family: str | None = None,
    heads: Sequence[str] | None = None,
    compute_dtype: str | None = None,
    variable_dtype: str = "float32",
    frozen: bool = False,
    name: str | None = None,
    pre_tokenize: Callable[[str], Iterable[str]] | None = None,
    ignore_config: Sequence[str] = (),
    selection: Selection | None = None,
    tokenizer: Tokenizer | str | None = "folder",
    **changes: Any,
) -> tuple[TransformerModel, Tokenizer | None, Checkpoint]:
    """Returns the Transformer of a folder, its tokenizer, and the checkpoint with its weights.

    The Transformer has no weights until `read_model` reads them.  The arguments are those of
    `load`, where `config_path` is `config`; `changes` replace fields of the configuration unless
    they are None.
    """
    location = locate(folder, config_path)
    folder = location.folder
    if location.weights.is_dir():
        verify_manifest(folder, required=False)
    changes = {field: value for field, value in changes.items() if value is not None}
    values, family_data, config, checkpoint = _described_weights(
        location, family, tuple(ignore_config), changes
    )
    rows = config.vocab_size
    of_folder = isinstance(tokenizer, str)
    if isinstance(tokenizer, str):
        if tokenizer != "folder":
            raise OptionError(f"tokenizer is {tokenizer!r}; give a tokenizer, None or 'folder'.")
        tokenizer = None
        for place in location.vocabularies:
            tokenizer = tokenizer_from_folder(
                place, pre_tokenize=pre_tokenize, add_special_tokens=family_data.special_tokens
            )
            if tokenizer is not None:
                break
    _check_fields(config, changes)
    if heads is None:
        heads = heads_in(family_data, checkpoint, config)
        if config.encoder_decoder and changes.get("application", config.application) == "encoder":
            heads = ()  # its heads belong to the decoder
    if labels := number_of_labels(family_data, checkpoint, heads):
        changes = {"num_labels": labels, **changes}
    config = config.replace(heads=tuple(heads), **changes)
    config = as_the_file_ties(config, family_data, checkpoint)
    if name_unused(family_data, checkpoint, heads, values):
        config.extra.pop("architectures", None)  # names a class with the unused head
    if selection is not None:
        config = selection.config(config)
        if of_folder and tokenizer and not selection.keeps_ids(tokenizer.vocabulary_size):
            _check_rows(folder, tokenizer, rows)
            tokenizer = selected_tokenizer(tokenizer, selection, rows)
    if tokenizer is not None:
        _check_rows(folder, tokenizer, config.vocab_size)
    backend.announce()
    dtype_policy = policy(compute_dtype, variable_dtype, frozen=frozen)
    return unbuilt(config, dtype_policy, name), tokenizer, checkpoint


def _described_weights(
    location: Location,
    family: str | None,
    ignore_config: tuple[str, ...],
    changes: Mapping[str, Any],
) -> tuple[dict[str, Any], Family, TransformerConfig, Checkpoint]:
    """Returns the contents of the configuration file, what they mean, and the checkpoint."""
    keras_file = location.keras_file
    checkpoint = None
    if keras_file is None and not location.weights.is_dir():  # it may be any file
        checkpoint = find_checkpoint(location.weights)
    config_file, values = read_config_file(location.config)
    if keras_file is None and checkpoint is None:
        checkpoint = find_checkpoint(location.weights)
    if isinstance(checkpoint, Weights):
        values = with_facts_of_weights(values, checkpoint, family=family, changes=changes)
    family_data = family_of(values, family)
    config = family_data.read_config(values, str(config_file), ignore_config)
    if keras_file is not None:
        return values, family_data, config, keras_checkpoint(keras_file, config)
    assert checkpoint is not None
    checkpoint = without_wrapper(checkpoint, family_data)
    refuse_quantized(checkpoint)
    check_sizes(family_data, config, checkpoint)
    return values, family_data, config, checkpoint


def read_config_file(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Returns the configuration file of a model folder, and its contents.

    Args:
        folder: The folder, or the file itself.

    Raises:
        CheckpointError: there is none, or it is no JSON object.
    """
    files = [folder] if folder.is_file() else [folder / name for name in CONFIG_NAMES]
    for file in files:
        if not file.is_file():
            continue
        try:
            values = json.loads(bounded_text(file, error=CheckpointError))
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{file} cannot be read as JSON: {error}") from None
        if not isinstance(values, dict):
            raise CheckpointError(f"{file} should hold one JSON object.")
        return file, values
    if any((folder / "model" / name).is_file() for name in CONFIG_NAMES):
        raise CheckpointError(f"{folder} is a run.  Its model is in {folder / 'model'}.")
    raise CheckpointError(
        f"{folder} has no configuration.\nExpected {' or '.join(CONFIG_NAMES)} in it; another "
        "place is named with config=... (--config)."
    )


def family_of(values: Mapping[str, Any], name: str | None) -> Family:
    """Returns the family that a configuration belongs to, or the one called `name`."""
    from hornbook.models.families import FAMILIES, family_named

    if name is not None:
        return family_named(name)
    own = values.get("hornbook")
    if isinstance(own, dict) and "family" in own:
        return family_named(str(own["family"]))
    declared = values.get("model_type")  # Google's files have none
    for family in FAMILIES.values():
        if family.has_signature(values) and declared in (None, family.model_type):
            return family
    model_type = declared or "bert"
    for family in FAMILIES.values():
        if model_type == family.model_type or model_type in family.aliases:
            return family
    known = sorted({family.model_type for family in FAMILIES.values()})
    raise CheckpointError(
        f"This is a model of type {model_type!r}, which hornbook does not know.\n"
        f"Known types: {', '.join(known)}.  If it computes the same as one of them, name that "
        f"with family=..."
    )


def _check_fields(config: TransformerConfig, changes: Mapping[str, Any]) -> None:
    fields = {field.name for field in dataclasses.fields(config)}
    for name in changes:
        if name not in fields:
            raise OptionError(f"Unknown option {name!r}. {did_you_mean(name, fields)}")


def _check_rows(folder: Path, tokenizer: Tokenizer, vocab_size: int) -> None:
    """Checks that every token has a row."""
    # fewer tokens than rows are common: rows are rounded up, or some are unused
    if tokenizer.vocabulary_size > vocab_size:
        beyond = range(vocab_size, min(tokenizer.vocabulary_size, vocab_size + _SHOWN))
        named = [
            f"{token!r} ({i})" for i, token in zip(beyond, tokenizer.tokens(beyond), strict=True)
        ]
        more = tokenizer.vocabulary_size - vocab_size - len(named)
        raise CheckpointError(
            f"The vocabulary of {folder} has {tokenizer.vocabulary_size} tokens, but the model "
            f"has only {vocab_size} rows.\nTokens without a row: {', '.join(named)}"
            f"{f' and {more} more' if more else ''}.\nUse the vocabulary that belongs to the "
            "weights."
        )


def policy(
    compute_dtype: str | None = None, variable_dtype: str = "float32", *, frozen: bool = False
) -> Any:
    """Returns Keras's policy of computing in `compute_dtype` with weights in `variable_dtype`.

    Args:
        compute_dtype: Defaults to the type of the weights, and to float32 for integer weights.
        variable_dtype: Half-precision weights cannot compute in another type.  `"int8"` and
            `"int4"` apply to the large matrices; everything else is then float32.
        frozen: Whether the weights are never trained: on JAX, large float32 or bfloat16 matrices
            become `FrozenMatrix`.

    Raises:
        OptionError: a type is unknown, or the two cannot be combined.
    """
    import keras

    from hornbook.layers.matrices.frozen import FrozenPolicy
    from hornbook.layers.matrices.rounding import LARGEST

    policies = {
        "float32": "float32",
        "bfloat16": "mixed_bfloat16",
        "float16": "mixed_float16",
    }
    kinds = [*policies, *LARGEST]
    if variable_dtype not in kinds:
        message = did_you_mean(variable_dtype, kinds)
        raise OptionError(f"Unknown variable_dtype {variable_dtype!r}. {message}")
    rounded = variable_dtype in LARGEST
    compute_dtype = compute_dtype or ("float32" if rounded else variable_dtype)
    if compute_dtype not in policies:
        message = did_you_mean(compute_dtype, policies)
        raise OptionError(f"Unknown compute_dtype {compute_dtype!r}. {message}")
    if rounded:
        return FrozenPolicy(policies[compute_dtype], variable_dtype)
    frozen = frozen and keras.config.backend() == "jax"
    if frozen and compute_dtype == variable_dtype != "float16":
        return FrozenPolicy(variable_dtype, variable_dtype)
    if variable_dtype == "float32":
        return policies[compute_dtype]
    if variable_dtype != compute_dtype:
        raise OptionError(
            f"Weights in {variable_dtype} can only compute in {variable_dtype}, not in "
            f"{compute_dtype}."
        )
    return variable_dtype


def write_model(
    folder: Path,
    transformer: TransformerModel,
    tokenizer: Tokenizer | None,
    *,
    layout: str = "huggingface",
    shard_size: int = SHARD_SIZE,
    others: Mapping[str, Any] | None = None,
    dtype: str | None = None,
) -> None:
    """Writes configuration, weights and vocabulary into an existing folder.

    Args:
        folder: Usually the temporary one of `atomic_folder`.
        transformer: The model, built.
        tokenizer: Its tokenizer; None without one.
        layout: One of `LAYOUTS`.
        shard_size: See `write_shards`.
        others: Name -> layer to save with it, under our own names.
        dtype: Type to write the weights in.  Defaults to theirs; not for Keras's layout.
    """
    from hornbook.layers.matrices.frozen import matrices_in
    from hornbook.models.families import family_named

    if kind := matrices_in(transformer):
        raise OptionError(
            f"This model was loaded with frozen weights in {kind} and cannot be saved.\n"
            "Load it without frozen and variable_dtype to save it."
        )
    if others and layout == "keras":
        raise ValueError("Keras's layout has a place for the Transformer only, not for others.")
    if layout not in LAYOUTS:
        raise OptionError(f"Unknown layout {layout!r}. {did_you_mean(layout, LAYOUTS)}")
    family = family_named(transformer.config.family)
    if layout != "keras" and layout not in family.weights:
        known = ", ".join([*family.weights, "keras"])
        raise OptionError(f"{family.name} has no {layout} layout.  It has: {known}.")
    values = family.write_config(transformer.config)
    if (file_dtype := dtype or transformer.variable_dtype) != "float32":
        values["dtype"] = file_dtype  # the type that transformers loads it in
    variables = all_variables(transformer, others, merged_variables)
    if layout == "google":
        write_json(folder / "bert_config.json", values)
        table = with_own_rows(family.table(layout, transformer.config), variables)
        write_tensor_bundle(
            folder / "bert_model.ckpt", write_weights(table, variables, dtype=dtype)
        )
    elif layout == "huggingface":
        write_json(folder / "config.json", values)
        table = with_own_rows(family.table(layout, transformer.config), variables)
        tensors = write_weights(table, variables, dtype=dtype)
        tensors = with_copies(tensors, table, transformer.config)
        write_shards(folder, tensors, shard_size=shard_size)
    else:
        write_json(folder / "config.json", values)
        write_keras_weights(folder / KERAS_WEIGHTS, transformer)
    if tokenizer is not None:
        tokenizer.save(folder)


def replaceable(folder: str | Path) -> Path:
    """Returns `folder`; raises an error if it holds anything but a model."""
    folder = Path(folder)
    is_model = any((folder / name).is_file() for name in CONFIG_NAMES)
    if folder.exists() and not is_model and not (folder.is_dir() and not any(folder.iterdir())):
        raise OptionError(f"{folder} holds something other than a model.  Name another folder.")
    return folder
