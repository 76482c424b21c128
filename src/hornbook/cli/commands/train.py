"""`hornbook train RECIPE DATA --out RUN`."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from hornbook.cli.config_file import add_config
from hornbook.cli.shared_options import add_encoding, add_resume
from hornbook.recipes import RECIPES, recipe_named
from hornbook.recipes.fields import add_flags, recipe_of_flags

OWN_COMMAND = "pretraining"  # `hornbook train pretraining` is `hornbook pretrain`


def add_options(parser: argparse.ArgumentParser) -> None:
    recipes = parser.add_subparsers(dest="recipe", metavar="RECIPE", required=True)
    words = parser.get_default("command_line") or []
    for name in RECIPES:
        if name == OWN_COMMAND:
            continue
        recipe = recipe_named(name)
        command = recipes.add_parser(name, help=recipe.purpose, description=recipe.purpose)
        command.add_argument(
            "data", metavar="DATA", type=Path, help="folder or file with the training data"
        )
        command.add_argument(
            "--out", metavar="RUN", type=Path, required=True, help="new run folder"
        )
        add_resume(command)
        add_encoding(command)
        add_flags(command, recipe)
        add_config(command, recipe, words if name in words else ())


def run(options: argparse.Namespace) -> None:
    recipe = recipe_of_flags(recipe_named(options.recipe), options)

    from hornbook import backend
    from hornbook.progress import print_table, without_notes

    backend.announce()  # before Keras is imported, which fails without one
    from hornbook.training.run_folder import RunFolder

    was_finished = options.resume and RunFolder(options.out).is_finished()
    recipe.fit(options.data, options.out, resume=options.resume)
    if not was_finished:
        with without_notes():  # `fit` has printed the notes on the data
            metrics = recipe.evaluate(options.data)
        columns, rows = recipe.table(metrics)
        print_table("Validation", columns, rows)
    print(f"Run     {options.out}")
    print(f"Report  {options.out / 'report.html'}")
    words = ["predict", str(options.out), *recipe.example(options.data), "--out", "answers.jsonl"]
    print(f"Use it  hornbook {shlex.join(words)}")
    if not was_finished and (comparison := recipe.comparison(metrics)):
        print(comparison)
