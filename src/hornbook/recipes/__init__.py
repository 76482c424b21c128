"""Recipes: from data to predictions, a folder each."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook.errors import HornbookError, OptionError, did_you_mean

if TYPE_CHECKING:
    from hornbook.recipes.captcha import CaptchaReading
    from hornbook.recipes.events import Events
    from hornbook.recipes.images import Images
    from hornbook.recipes.pretraining import Pretraining
    from hornbook.recipes.reading import ReadingComprehension
    from hornbook.recipes.relations import Relations
    from hornbook.recipes.tagging import Tagging
    from hornbook.recipes.text_classification import TextClassification
    from hornbook.recipes.text_matching import TextMatching

__all__ = [
    "RECIPES",
    "CaptchaReading",
    "Events",
    "Images",
    "Pretraining",
    "ReadingComprehension",
    "Relations",
    "Tagging",
    "TextClassification",
    "TextMatching",
    "open_run",
    "open_runs",
    "recipe_named",
]

# name on the command line -> module and class, imported when needed
RECIPES = {
    "images": "hornbook.recipes.images:Images",
    "captcha": "hornbook.recipes.captcha:CaptchaReading",
    "text-matching": "hornbook.recipes.text_matching:TextMatching",
    "text-classification": "hornbook.recipes.text_classification:TextClassification",
    "tagging": "hornbook.recipes.tagging:Tagging",
    "relations": "hornbook.recipes.relations:Relations",
    "events": "hornbook.recipes.events:Events",
    "reading": "hornbook.recipes.reading:ReadingComprehension",
    "pretraining": "hornbook.recipes.pretraining:Pretraining",
}


def __getattr__(name: str) -> Any:
    """Imports the class of a recipe on first use."""
    for target in RECIPES.values():
        module, _, attribute = target.partition(":")
        if attribute == name:
            return getattr(importlib.import_module(module), attribute)
    raise AttributeError(f"module 'hornbook.recipes' has no attribute {name!r}")


def recipe_named(name: str) -> Any:
    """Returns the class of the recipe called `name`.

    Raises:
        OptionError: there is no such recipe; the message names the closest one.
    """
    if name not in RECIPES:
        raise OptionError(f"Unknown recipe {name!r}. {did_you_mean(name, RECIPES)}")
    module, _, attribute = RECIPES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def open_runs(folders: Sequence[str | Path]) -> Any:
    """Opens one trained run, or several as an ensemble.

    Raises:
        HornbookError: one of them is not a run, or is damaged, or they do not fit together.
    """
    first, *others = (open_run(folder) for folder in folders)
    if others:
        first.join(others)
    return first


def open_run(folder: str | Path) -> Any:
    """Opens a trained run of any recipe.

    Raises:
        HornbookError: it is not a run, or is damaged.
    """
    from hornbook.recipes.recipe import read_description

    if not Path(folder).is_dir():
        raise HornbookError(f"There is no run folder {folder}.")
    try:
        name = read_description(Path(folder) / "recipe.json")["recipe"]
    except FileNotFoundError:
        raise HornbookError(
            f"{folder} is not a run: it has no recipe.json.\n"
            "`hornbook train RECIPE DATA --out RUN` makes run folders."
        ) from None
    return recipe_named(name).load(folder)
