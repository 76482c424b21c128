"""`--config FILE`: reads options of a recipe from a TOML file or the `recipe.json` of a run.

    # run.toml
    recipe = "text-matching"    # optional: a check
    epochs = 3
    learning_rate = 3e-5

Options on the command line override the file.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hornbook.errors import OptionError, did_you_mean
from hornbook.files import bounded_text
from hornbook.recipes.fields import options_of, plain_value

FLAG = "--config"
MODEL_CONFIG = "model_config"  # an option of pretraining, which was called `--config` before 0.1.0
MODEL_KEYS = {"model_type", "hidden_size", "vocab_size", "num_hidden_layers", "n_embd", "d_model"}


def add_config(parser: argparse.ArgumentParser, recipe: Any, words: Sequence[str]) -> None:
    """Adds `--config`, whose file has the defaults of the other options.

    Args:
        parser: The parser of a command that has the options of the recipe.
        recipe: The class of the recipe.
        words: The command line.

    Raises:
        OptionError: the file cannot be read, is for another recipe, or has an unknown key or an
            invalid value.
    """
    parser.add_argument(
        FLAG,
        metavar="FILE",
        dest="config_file",
        help="read options from a TOML file or the recipe.json of a run; options on the command "
        "line override it",
    )
    if (file := _file_named(words)) is not None:
        parser.set_defaults(**read_config(Path(file), recipe))


def read_config(file: Path, recipe: Any) -> dict[str, Any]:
    """Reads and checks the options of a recipe in a file.

    Raises:
        OptionError: see `add_config`.
    """
    values = _read(file)
    name = values.pop("recipe", recipe.name)
    if name != recipe.name:
        raise OptionError(f"{file} is for the recipe {name!r}, not for {recipe.name}.")
    if isinstance(values.get("fields"), dict):  # recipe.json, of a run or of its model
        values = values["fields"]
    values = recipe.canonical_fields({key.replace("-", "_"): x for key, x in values.items()})
    options = {item.name: item for item in options_of(recipe)}
    if MODEL_CONFIG in options and values.keys() & MODEL_KEYS:
        return {MODEL_CONFIG: str(file)}
    canonical, problems = {}, []
    for key, value in values.items():
        item = options.get(key)
        if item is None:
            problems.append(f"  {key}: unknown option.  {did_you_mean(key, options)}")
            continue
        value = item.canonical(plain_value(value, item.kind))
        if problem := item.problem(value):
            problems.append(f"  {key} is {value!r}{problem}")
        canonical[item.name] = value
    if problems:
        raise OptionError("\n".join([f"{file} cannot be used:", *problems]))
    return canonical


def _read(file: Path) -> dict[str, Any]:
    try:
        text = bounded_text(file, error=OptionError)
        values = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except FileNotFoundError:
        raise OptionError(f"{FLAG} {file}: there is no such file.") from None
    except (OSError, ValueError, RecursionError) as error:
        kind = "JSON" if file.suffix == ".json" else "TOML"
        raise OptionError(f"{FLAG} {file}: it cannot be read as {kind}: {error}") from None
    if not isinstance(values, dict):
        raise OptionError(f"{FLAG} {file}: expected a JSON object with options.")
    return values


def _file_named(words: Sequence[str]) -> str | None:
    """Returns the value of `--config` on the command line, or None."""
    for number, word in enumerate(words):
        if word.startswith(f"{FLAG}="):
            return word.partition("=")[2]
        if word == FLAG and number + 1 < len(words):
            return words[number + 1]
    return None
