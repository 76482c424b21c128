"""Recipes: from a data folder to an answer, one file each."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from hornbook.errors import HornbookError, OptionError, did_you_mean

# name on the command line -> module and class, imported when it is asked for
RECIPES = {
    "images": "hornbook.recipes.images:Images",
    "captcha": "hornbook.recipes.captcha:CaptchaReading",
    "text-matching": "hornbook.recipes.text_matching:TextMatching",
    "text-classification": "hornbook.recipes.text_classification:TextClassification",
    "pretraining": "hornbook.recipes.pretraining:Pretraining",
}


def recipe_named(name: str):
    """The class of the recipe called `name`.

    Raises:
        OptionError: naming the nearest one.
    """
    if name not in RECIPES:
        raise OptionError(f"There is no recipe {name!r}. {did_you_mean(name, RECIPES)}")
    module, _, attribute = RECIPES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def open_runs(folders: Sequence[str | Path]):
    """Opens one trained run, or several that answer together.

    Raises:
        HornbookError: one of them is no run or damaged, or they do not fit together.
    """
    first, *others = (open_run(folder) for folder in folders)
    if others:
        first.join(others)
    return first


def open_run(folder: str | Path):
    """Opens a trained run of whatever recipe made it.

    Raises:
        HornbookError: this is no run, or it is damaged.
    """
    from hornbook.recipes.recipe import read_description

    if not Path(folder).is_dir():
        raise HornbookError(f"There is no run folder {folder}.")
    try:
        name = read_description(Path(folder) / "recipe.json")["recipe"]
    except FileNotFoundError:
        raise HornbookError(
            f"{folder} is not a run: it has no recipe.json.\n"
            "A run folder is what `hornbook train RECIPE DATA --out RUN` makes."
        ) from None
    return recipe_named(name).load(folder)
