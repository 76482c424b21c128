"""Describes a model folder or a run, without building the model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.checkpoints import RenamedCheckpoint, find_checkpoint, refuse_quantized
from hornbook.errors import CheckpointError, HornbookError
from hornbook.files import MANIFEST, bounded_text, settle, some, unlisted, verify_manifest
from hornbook.models.configuration.checkpoint_sizes import size_problems
from hornbook.pretrained import KERAS_WEIGHTS, family_of, read_config_file
from hornbook.pretrained.opening.bundled import model_folder
from hornbook.pretrained.opening.chosen_heads import likely_heads, unused_names
from hornbook.pretrained.opening.unwrapping import wrapper_prefix
from hornbook.pretrained.opening.weights import check_keras_file
from hornbook.text.tokenizer_folder import tokenizer_from_folder
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

PROBLEM = "PROBLEM:"
LONGEST = 160  # maximum characters of a value that is shown
SHOWN = 10  # names in a message


def describe_folder(folder: Path, ignore_config: Sequence[str] = ()) -> list[list[str]]:
    """Returns rows of a name and a value; parts that cannot be read say why.

    Args:
        folder: A model folder, or a run, whose model is then described.
        ignore_config: See `hornbook.load`.

    Raises:
        HornbookError: there is no such folder.
    """
    folder = model_folder(folder)
    settle(folder)
    if not folder.is_dir():
        raise HornbookError(f"There is no folder {folder}.")
    rows: list[list[str]] = []
    if (folder / "model").is_dir() and (folder / "recipe.json").is_file():
        rows.append(["run", str(folder)])
        folder = folder / "model"
    parts: list[tuple[str, Callable[[Path], list[list[str]]]]] = [
        ("config", partial(_config, ignore=tuple(ignore_config))),
        ("weights", _weights),
        ("vocabulary", _vocabulary),
        ("checksums", _checksums),
    ]
    if _reads_images(folder):
        parts = [("recipe", _recipe), ("weights", _weights), ("checksums", _checksums)]
    shown: set[str] = set()
    for name, part in parts:
        try:
            rows += part(folder)
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


def _recipe(folder: Path) -> list[list[str]]:
    """Describes the recipe, its fields, and the learned fields that fit into one line."""
    try:
        saved = json.loads(bounded_text(folder / "recipe.json"))
        values = {"recipe": saved["recipe"], **saved["fields"], **saved["learned"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise CheckpointError(f"{folder / 'recipe.json'} is damaged.") from None
    shown = {name.replace("_", " "): str(value) for name, value in values.items()}
    return [[name, text] for name, text in shown.items() if len(text) <= LONGEST]


def _config(folder: Path, ignore: tuple[str, ...] = ()) -> list[list[str]]:
    file, values = read_config_file(folder)
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
        *_agreement(folder, family, config, values),
    ]


def _agreement(folder: Path, family: Any, config: Any, values: dict[str, Any]) -> list[list[str]]:
    """Describes where weights contradict the configuration, and heads it does not mention."""
    if (folder / KERAS_WEIGHTS).is_file():
        check_keras_file(folder / KERAS_WEIGHTS, config)
        return []
    try:
        checkpoint = find_checkpoint(folder)
    except CheckpointError:
        return []  # reported in the row of the weights
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


def _weights(folder: Path) -> list[list[str]]:
    if (folder / KERAS_WEIGHTS).is_file():
        return [["weights", f"{KERAS_WEIGHTS}, Keras's own layout"]]
    checkpoint = find_checkpoint(folder)
    refuse_quantized(checkpoint)
    names = checkpoint.names()
    numbers = sum(int(np.prod(checkpoint.shape(name))) for name in names)
    types = sorted({str(checkpoint.dtype(name)) for name in names})
    return [
        ["layout", checkpoint.layout],
        ["weight files", ", ".join(file.name for file in checkpoint.files)],
        ["tensors", f"{len(names):,}, {', '.join(types)}"],
        ["parameters", f"{numbers:,}"],
    ]


def _vocabulary(folder: Path) -> list[list[str]]:
    tokenizer = tokenizer_from_folder(folder)
    if tokenizer is None:
        return [["vocabulary", "none: the model takes token IDs"]]
    line = f"{tokenizer.vocabulary_size:,} {tokenizer.kind} tokens"
    if isinstance(tokenizer, WordPieceTokenizer):
        line += ", lower-cased" if tokenizer.lowercase else ", cased"
    return [["vocabulary", line]]


def _checksums(folder: Path) -> list[list[str]]:
    if not (folder / MANIFEST).is_file():
        find_checkpoint(folder).verify()
        return [["checksums", f"no {MANIFEST}; the checksums in the weight files are correct"]]
    verify_manifest(folder, reads=["recipe.json"] if _reads_images(folder) else [], quiet=True)
    if extra := unlisted(folder):
        return [["checksums", f"the files in {MANIFEST} are correct; not in it: {some(extra)}"]]
    return [["checksums", "all files are correct"]]
