"""Describes a model folder or a run, without building the model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.checkpoints import RenamedCheckpoint, find_checkpoint, refuse_quantized
from hornbook.checkpoints.bert4keras.keras2_file import Keras2File
from hornbook.errors import CheckpointError, HornbookError
from hornbook.files import MANIFEST, bounded_text, some, unlisted, verify_manifest
from hornbook.models.configuration.checkpoint_sizes import size_problems
from hornbook.pretrained import family_of, read_config_file
from hornbook.pretrained.opening.chosen_heads import likely_heads, unused_names
from hornbook.pretrained.opening.sources.bert4keras_model import (
    LAYOUT,
    heads_of_user,
    with_facts_of_weights,
)
from hornbook.pretrained.opening.sources.location import Location, locate
from hornbook.pretrained.opening.unwrapping import wrapper_prefix
from hornbook.pretrained.opening.weights import check_keras_file
from hornbook.text.tokenizer_folder import tokenizer_from_folder
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

PROBLEM = "PROBLEM:"
LONGEST = 160  # maximum characters of a value that is shown
SHOWN = 10  # names in a message


def describe_folder(
    folder: Path, ignore_config: Sequence[str] = (), config: str | Path | None = None
) -> list[list[str]]:
    """Returns rows of a name and a value; parts that cannot be read say why.

    Args:
        folder: A model folder, or a run, whose model is then described; or a weight file.
        ignore_config: See `hornbook.load`.
        config: See `hornbook.load`.

    Raises:
        HornbookError: there is no such folder or file.
    """
    location = locate(folder, config)
    folder = location.weights
    rows: list[list[str]] = []
    if (folder / "model").is_dir() and (folder / "recipe.json").is_file():
        rows.append(["run", str(folder)])
        location = locate(folder / "model", config)
    parts: list[tuple[str, Callable[[Location], list[list[str]]]]] = [
        ("config", partial(_config, ignore=tuple(ignore_config))),
        ("weights", _weights),
        ("vocabulary", _vocabulary),
        ("checksums", _checksums),
    ]
    if _reads_images(location.weights):
        parts = [("recipe", _recipe), ("weights", _weights), ("checksums", _checksums)]
    shown: set[str] = set()
    for name, part in parts:
        try:
            rows += part(location)
        except HornbookError as error:
            problem = _shortened(str(error))
            rows.append(
                [name, f"{PROBLEM} as above" if problem in shown else f"{PROBLEM} {problem}"]
            )
            shown.add(problem)
    return rows


def _shortened(message: str) -> str:
    """Shortens the indented list in a message to ten lines, and counts the others."""
    lines = message.splitlines()
    names = [number for number, line in enumerate(lines) if line.startswith("  ")]
    if len(names) <= SHOWN + 1:  # the last one may be a count of others
        return message
    more = [f"  ... and {len(names) - SHOWN:,} more"]
    dropped = set(names[SHOWN:])
    rest = [line for number, line in enumerate(lines) if number not in dropped]
    place = names[SHOWN - 1] + 1
    return "\n".join(rest[:place] + more + rest[place:])


def _reads_images(folder: Path) -> bool:
    """Whether this is a recipe's network without the configuration of a Transformer."""
    files = ("recipe.json", "config.json", "bert_config.json")
    return [(folder / name).is_file() for name in files] == [True, False, False]


def _recipe(location: Location) -> list[list[str]]:
    """Describes the recipe, its fields, and the learned fields that fit into one line."""
    folder = location.weights
    try:
        saved = json.loads(bounded_text(folder / "recipe.json"))
        values = {"recipe": saved["recipe"], **saved["fields"], **saved["learned"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise CheckpointError(f"{folder / 'recipe.json'} is damaged.") from None
    shown = {name.replace("_", " "): str(value) for name, value in values.items()}
    return [[name, text] for name, text in shown.items() if len(text) <= LONGEST]


def _config(location: Location, ignore: tuple[str, ...] = ()) -> list[list[str]]:
    file, values = read_config_file(location.config)
    checkpoint = _checkpoint_or_none(location)
    if checkpoint is not None and checkpoint.layout == LAYOUT:
        values = with_facts_of_weights(values, checkpoint, changes=["condition_hidden_act"])
    family = family_of(values, None)
    config = family.read_config(values, str(file), ignore)
    return [
        ["family", family.name],
        ["configuration", file.name],
        ["layers", str(config.num_hidden_layers)],
        ["hidden size", str(config.hidden_size)],
        ["attention heads", str(config.num_attention_heads)],
        ["feed-forward size", str(config.intermediate_size)],
        ["positions", str(config.max_position_embeddings)],
        ["token embeddings", f"{config.vocab_size:,}"],
        ["application", config.application],
        ["condition", "none" if config.condition_size is None else str(config.condition_size)],
        *_agreement(location, checkpoint, family, config, values),
    ]


def _checkpoint_or_none(location: Location) -> Any:
    """Opens the checkpoint; what is wrong with it is reported in the row of the weights."""
    try:
        return None if location.keras_file else find_checkpoint(location.weights)
    except CheckpointError:
        return None


def _agreement(
    location: Location, checkpoint: Any, family: Any, config: Any, values: dict[str, Any]
) -> list[list[str]]:
    """Describes where weights contradict the configuration, and heads it does not mention."""
    if file := location.keras_file:
        check_keras_file(file, config)
    if checkpoint is None:
        return []
    rows = []
    if beginning := wrapper_prefix(checkpoint, family):
        rows.append(["weight names", f"begin with {beginning!r}, which is ignored"])
        checkpoint = RenamedCheckpoint(checkpoint, beginning)
    problems = [line.strip() for line, _ in size_problems(family, config, checkpoint)]
    if problems:
        rows.append(["sizes", f"{PROBLEM} {'; '.join(problems)}"])
    heads = [
        head
        for head in likely_heads(checkpoint, values)
        if head in family.task_heads_in(checkpoint.layout) and head not in config.heads
    ]
    if heads and (unused := unused_names(checkpoint)):
        rows.append(["fine-tuned head", f"{', '.join(unused)}: heads={heads[:1]} loads it"])
    return rows


def _weights(location: Location) -> list[list[str]]:
    if file := location.keras_file:
        return [["weights", f"{file.name}, Keras's own layout"]]
    checkpoint = find_checkpoint(location.weights)
    refuse_quantized(checkpoint)
    names = checkpoint.names()
    numbers = sum(int(np.prod(checkpoint.shape(name))) for name in names)
    types = sorted({str(checkpoint.dtype(name)) for name in names})
    return [
        ["layout", checkpoint.layout],
        ["weight files", ", ".join(file.name for file in checkpoint.files)],
        ["tensors", f"{len(names):,}, {', '.join(types)}"],
        ["parameters", f"{numbers:,}"],
        *(_of_bert4keras(checkpoint) if checkpoint.layout == LAYOUT else []),
    ]


def _of_bert4keras(checkpoint: Any) -> list[list[str]]:
    """Describes how weights of bert4keras were saved, and the layers of the user in them."""
    if isinstance(checkpoint, Keras2File):
        what = "a whole model" if checkpoint.architecture else "weights"
        saved = f"{what} of Keras 2 in an HDF5 file"
    else:
        saved = "weights of tf.keras as an object graph"
    heads = [f"{name} {checkpoint.shape(name)}" for name in heads_of_user(checkpoint)]
    return [["saved as", saved], ["other layers", some(heads) if heads else "none"]]


def _vocabulary(location: Location) -> list[list[str]]:
    tokenizer = None
    for folder in location.vocabularies:
        tokenizer = tokenizer_from_folder(folder)
        if tokenizer is not None:
            break
    if tokenizer is None:
        return [["vocabulary", "none: the model takes token IDs"]]
    line = f"{tokenizer.vocabulary_size:,} {tokenizer.kind} tokens"
    if isinstance(tokenizer, WordPieceTokenizer):
        line += ", lower-cased" if tokenizer.lowercase else ", cased"
    return [["vocabulary", line]]


def _checksums(location: Location) -> list[list[str]]:
    folder = location.folder
    if not location.weights.is_dir() or not (folder / MANIFEST).is_file():
        checkpoint = None if location.keras_file else find_checkpoint(location.weights)
        if checkpoint is None or isinstance(checkpoint, Keras2File):
            return [["checksums", f"no {MANIFEST}, and none in the weight file"]]
        checkpoint.verify()
        return [["checksums", f"no {MANIFEST}; the checksums in the weight files are correct"]]
    verify_manifest(folder, reads=["recipe.json"] if _reads_images(folder) else [], quiet=True)
    if extra := unlisted(folder):
        return [["checksums", f"the files in {MANIFEST} are correct; not in it: {some(extra)}"]]
    return [["checksums", "all files are correct"]]
